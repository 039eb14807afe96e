#include "ui.h"

/* reading - a session's text in the pager: of one that runs from its emulator, scrollback included,
 * of one that has exited its transcript; and what can be done with a text: copying, piping,
 * editing. */

#define READING_CHARS 1000000 /* of a transcript */

/* ---- the text ------------------------------------------------------------------------------- */

static void reading_show(struct app *t, const char *id, span text)
{
    const struct tree_session *s = tree_session(&t->tree, id);
    base_copy(t->read, sizeof t->read, id);
    pager_set(&t->pager, s && *tree_title(s) ? tree_title(s) : id, text, 0);
    pager_draw(&t->pager, &t->grid, 0, 0, t->grid.rows, t->grid.cols); /* breaks it into rows */
    pager_go(&t->pager, 1);
    t->reading = 0;
    app_set_mode(t, t->mode & APP_SCREENS ? APP_READING : APP_PAGER);
}

static void reading_on_transcript(struct app *t, struct json answer, struct app_request *request)
{
    const struct tree_session *s = app_session(t);
    buf text = {0};
    if (!s || t->mode != APP_SESSIONS || t->keys_typed != request->keys_typed ||
        !json_member_eq(json_get(answer, "data"), "session_id", s->id))
        return;
    json_put_member(&text, answer, "transcript");
    reading_show(t, s->id, buf_view(&text));
    buf_free(&text);
    app_pause_if_late(request);
}

static void reading_begin(struct app *t)
{
    const struct tree_session *s = app_session(t);
    buf target = {0};
    int never;
    t->reading = t->keys_typed;
    if (t->mode == APP_PREFIX)
        app_set_mode(t, APP_ATTACHED);
    if (attach_history(t, &never) || !never) {
        app_changed(t); /* reading_follow shows it */
    } else if (s) {
        client_put_target(&target, s->id, "/transcript", s->computer);
        buf_fmt(&target, "&tail_chars=%d&prompts=1", READING_CHARS);
        app_request(t, "GET", buf_cstr(&target), (span){0}, 0, reading_on_transcript);
        buf_free(&target);
    } else {
        app_say(t, 0, "select a session first");
    }
}

static void reading_follow(struct app *t)
{
    const struct view *v = t->view;
    buf text = {0};
    int begins = t->reading && t->reading == t->keys_typed &&
                 t->mode & (APP_SESSIONS | APP_ATTACHED);
    int grows = t->mode & APP_PAGERS && t->pager.follow && t->grown && v &&
                strcmp(v->id, t->read) == 0;
    if (!v || !v->vt || !v->history || !(begins || grows))
        return;
    vt_put_text(v->vt, &text, VT_PROMPTS);
    if (begins)
        reading_show(t, v->id, buf_view(&text));
    else
        pager_update(&t->pager, buf_view(&text));
    t->grown = 0;
    buf_free(&text);
}

static void reading_toggle_follow(struct app *t)
{
    struct pager *p = &t->pager;
    if (t->view && t->view->hooks && strcmp(t->view->id, t->read) == 0 && !p->path)
        p->follow = !p->follow;
    else
        base_fmt(p->note, sizeof p->note, "this text does not grow");
    if (p->follow)
        p->selecting = PAGER_NONE, pager_go(p, 1), t->grown = 1;
    app_changed(t);
}

static void reading_close(struct app *t)
{
    int attached = t->mode == APP_READING;
    pager_free(&t->pager);
    t->read[0] = '\0';
    app_set_mode(t, attached ? APP_ATTACHED : t->shown);
    if (attached && !view_is_open(t->view) && !t->view->lost)
        attach_end_unasked(t);
}

/* ---- what is done with it ------------------------------------------------------------------- */

static void reading_copy(struct app *t)
{
    struct pager *p = &t->pager;
    buf text = {0};
    pager_put_selected(p, &text);
    if (text.n)
        app_copy(t, buf_view(&text), p->note, sizeof p->note);
    else
        base_fmt(p->note, sizeof p->note, "select first: v, or drag with the mouse");
    buf_free(&text);
    app_changed(t);
}

/* Returns the path of a file with the selection, else all of the text; to be freed. Or NULL. */
static char *reading_write(struct app *t)
{
    struct pager *p = &t->pager;
    char name[40];
    buf text = {0};
    base_fmt(name, sizeof name, "text-%ld", (long)getpid());
    if (p->selecting)
        pager_put_selected(p, &text);
    int status = store_write_unsynced(t->config->state, name,
                                      buf_view(p->selecting ? &text : &p->shown));
    if (status != 0)
        base_fmt(p->note, sizeof p->note, "%s: %s", t->config->state, strerror(errno));
    buf_free(&text);
    return status == 0 ? store_path(t->config->state, name) : NULL;
}

static void reading_on_done(struct app *t, int status, const char *error)
{
    char name[40];
    base_fmt(name, sizeof name, "text-%ld", (long)getpid());
    char *path = store_path(t->config->state, name);
    unlink(path);
    free(path);
    if (error)
        base_copy(t->pager.note, sizeof t->pager.note, error);
    else if (!WIFEXITED(status) || WEXITSTATUS(status))
        base_fmt(t->pager.note, sizeof t->pager.note, "the program ended with status %d",
                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    app_changed(t);
}

static void reading_edit(struct app *t)
{
    buf error = {0};
    char *path = reading_write(t);
    char **argv = path ? todos_editor(path, &error) : NULL;
    if (argv)
        app_run(t, argv, reading_on_done);
    else if (error.n)
        reading_on_done(t, 0, buf_cstr(&error));
    free(path);
    buf_free(&error);
    app_changed(t);
}

/* Runs the typed command on the terminal, with the text as its input. */
static void reading_pipe(struct app *t)
{
    static const char script[] = "sh -c \"$1\" <\"$2\"; s=$?; printf '\\n[Enter]'; read x; exit $s";
    struct pager *p = &t->pager;
    const char *const words[] = {"sh", "-c", script, "sh", buf_cstr(&p->command), NULL};
    buf line = {0};
    p->typing = 0;
    char *path = p->command.n ? reading_write(t) : NULL;
    for (int i = 0; path && words[i]; i++)
        config_put_quoted(&line, words[i]), buf_byte(&line, ' ');
    if (path) {
        config_put_quoted(&line, path);
        app_run(t, config_words(buf_view(&line)), reading_on_done);
    }
    free(path);
    buf_free(&line);
}

static int reading_event(struct app *t, const struct term_event *ev)
{
    struct pager *p = &t->pager;
    int dragged = p->pressed && p->selecting;
    if (p->typing == '|' && ev->type == TERM_KEY && ev->key == '\r')
        return reading_pipe(t), 1;
    int consumed = pager_event(p, ev);
    if (dragged && ev->type == TERM_MOUSE && ev->mouse == TERM_RELEASE)
        reading_copy(t);
    return consumed;
}
