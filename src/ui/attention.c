#include "ui.h"

/* attention - calls the user to a session that waits, has finished or has failed while they look at
 * something else: by the terminal's bell or notification, at most once in ATTENTION_MS. */

#ifndef ATTENTION_MS
#define ATTENTION_MS 3000
#endif
#define ATTENTION_TITLE_MAX 60 /* columns */
#define ATTENTION_TEXT_MAX 200 /* columns of a notification */

/* Returns 1 while the terminal has the focus and shows the session's screen. */
static int attention_is_there(const struct app *t, const char *id)
{
    return !t->unfocused && !t->program_runs && t->view && strcmp(t->view->id, id) == 0;
}

static int attention_is_due(const struct app *t, const struct tree_session *s)
{
    return s && (tree_is(s, "waiting") || s->unseen || tree_has_failed(s)) &&
           !attention_is_there(t, s->id) && !t->program_runs;
}

/* Returns the session that had news last, else one that had some since the last call, or NULL. */
static const struct tree_session *attention_session(const struct app *t)
{
    const struct cache *all = &t->tree.sessions;
    const struct tree_session *s = tree_session(&t->tree, t->called);
    for (size_t i = 0; !attention_is_due(t, s) && i < all->places; i++) {
        s = all->sessions[i] ? tree_session_at(&t->tree, i) : NULL;
        s = s && s->unseen && s->since > clock_wall_ms() - ATTENTION_MS ? s : NULL;
    }
    return attention_is_due(t, s) ? s : NULL;
}

/* ConEmu takes an OSC 9 whose text begins with a number as a command. */
static void attention_put(const char *how, const char *text, buf *b)
{
    if (strcmp(how, "bell") == 0)
        buf_byte(b, '\a');
    else if (strcmp(how, "osc9") == 0)
        buf_fmt(b, "\033]9;telec: %s\033\\", text);
    else if (strcmp(how, "osc777") == 0)
        buf_fmt(b, "\033]777;notify;telec;%s\033\\", text);
    else if (strcmp(how, "osc99") == 0)
        buf_fmt(b, "\033]99;;%s\033\\", text);
}

static void attention_call(void *ctx)
{
    struct app *t = ctx;
    const struct tree_session *s = attention_session(t);
    buf text = {0}, out = {0};
    if (s) {
        int columns;
        utf8_put_visible(&text, span_of(*tree_title(s) ? tree_title(s) : s->id));
        text.n = cell_fit(buf_view(&text), ATTENTION_TITLE_MAX, &columns);
        buf_str(&text, tree_is(s, "waiting") ? " waits"
                       : tree_has_failed(s)  ? " has failed"
                                             : " has finished");
        if (s->asked && tree_is(s, "waiting")) {
            buf_str(&text, ": ");
            utf8_put_visible(&text, span_of(s->asked));
        }
        text.n = cell_fit(buf_view(&text), ATTENTION_TEXT_MAX, &columns);
        attention_put(t->config->notify, buf_cstr(&text), &out);
        conn_send(&t->terminal, buf_view(&out));
        t->called_at = t->loop.now;
    }
    t->called[0] = '\0';
    buf_free(&text), buf_free(&out);
}

static void attention_follow(struct app *t)
{
    const char *id = t->tree.news;
    if (!*id)
        return;
    if (!attention_is_there(t, id)) {
        base_copy(t->called, sizeof t->called, id);
        loop_timer_set(&t->loop, &t->call_timer,
                       t->called_at ? t->called_at + ATTENTION_MS : t->loop.now);
    }
    t->tree.news[0] = '\0';
}
