#include "ui.h"

/* many - marks, and acts on several sessions: ending with one undo, restarting, messages, keys. */

static void many_clear(struct app *t)
{
    names_free(&t->many.ids);
}

static void many_add(struct app *t, const struct tree_session *s)
{
    names_add(&t->many.ids, base_dup(s->id));
}

static struct tree_session *many_session(const struct app *t, size_t place)
{
    const struct cache_session *known = t->tree.sessions.sessions[place];
    return known ? tree_session(&t->tree, known->id) : NULL;
}

/* ---- marks ---------------------------------------------------------------------------------- */

static int many_marked(const struct app *t)
{
    int count = 0;
    for (size_t i = 0; i < t->tree.sessions.places; i++) {
        const struct tree_session *s = many_session(t, i);
        count += s && s->marked;
    }
    return count;
}

static void many_mark(struct app *t)
{
    struct tree_session *s = app_session(t);
    if (!s) {
        app_say(t, 0, "select a session first");
        return;
    }
    s->marked = !s->marked;
    app_select(t, t->views[0].list.at + 1);
}

static void many_unmark(struct app *t)
{
    for (size_t i = 0; i < t->tree.sessions.places; i++)
        if (many_session(t, i))
            many_session(t, i)->marked = 0;
    app_changed(t);
}

static void many_mark_all(struct app *t)
{
    int missing = 0;
    app_settle(t);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < t->tree.row_count; i++) {
            struct tree_session *s = t->tree.rows[i].session;
            if (!s || !s->hit)
                continue;
            missing += !pass && !s->marked;
            s->marked = pass ? missing > 0 : s->marked;
        }
    app_changed(t);
}

/* ---- whom an act is about ------------------------------------------------------------------- */

static int many_collect(struct app *t, int below)
{
    const struct tree_row *row = app_row(t);
    int marked = many_marked(t), at = t->views[0].list.at;
    many_clear(t);
    for (size_t i = 0; i < t->tree.sessions.places; i++) {
        struct tree_session *s = many_session(t, i);
        int is_below = s && row && !row->session && below && s->hit &&
                       (s->project_row == at || s->computer_row == at);
        if (s && (marked ? s->marked : (row && row->session == s) || is_below))
            many_add(t, s);
    }
    return t->many.ids.count;
}

static int many_collect_exited(struct app *t)
{
    app_settle(t);
    many_clear(t);
    for (size_t i = 0; i < t->tree.sessions.places; i++) {
        struct tree_session *s = many_session(t, i);
        if (s && s->hit && tree_is(s, "exited") && !s->ended &&
            (!t->tree.focus || strcmp(s->computer, t->tree.focus) == 0))
            many_add(t, s);
    }
    return t->many.ids.count;
}

static void many_keep(struct app *t, int exited)
{
    for (int i = t->many.ids.count; i-- > 0;) {
        const struct tree_session *s = tree_session(&t->tree, t->many.ids.list[i]);
        if (!s || tree_is(s, "exited") != exited)
            names_remove(&t->many.ids, i);
    }
}

static struct tree_session *many_first(const struct app *t)
{
    return t->many.ids.count ? tree_session(&t->tree, t->many.ids.list[0]) : NULL;
}

static void many_put_count(const struct app *t, buf *b)
{
    int exited = 0;
    for (int i = 0; i < t->many.ids.count; i++) {
        const struct tree_session *s = tree_session(&t->tree, t->many.ids.list[i]);
        exited += !s || tree_is(s, "exited");
    }
    buf_fmt(b, "%d run", t->many.ids.count - exited);
    if (exited)
        buf_fmt(b, ", %d %s exited", exited, exited == 1 ? "has" : "have");
}

/* ---- acts ----------------------------------------------------------------------------------- */

static void many_put_ids(const struct app *t, buf *body)
{
    json_field_strings(body, "ids", t->many.ids.list, t->many.ids.count);
}

static int many_length(struct json array)
{
    int count = 0;
    for (struct json_iter it = json_iter(array); json_next(&it);)
        count++;
    return count;
}

/* Reports the sessions that did not end. */
static void many_on_ended(struct app *t, struct json answer, struct app_request *request)
{
    struct json failed = json_get(answer, "failed");
    struct json_iter first = json_iter(failed);
    long long seconds = 0;
    int at = app_find_ended(t, request->about);
    buf text = {0};
    if (at >= 0 && json_int(json_get(answer, "undo_s"), &seconds)) {
        t->ended[at].until = t->loop.now + seconds * 1000;
        loop_timer_in(&t->loop, &t->second_timer, 1000);
    }
    if (json_next(&first)) {
        buf_fmt(&text, "%d of them did not end: ", many_length(failed));
        json_put_member(&text, first.value, "detail");
        app_say(t, 1, buf_cstr(&text));
    }
    buf_free(&text);
    app_changed(t);
}

static void many_end(struct app *t)
{
    buf body = {0}, after = {0};
    char title[40];
    for (int i = 0; i < t->many.ids.count; i++)
        changes_put_worktree(t, tree_session(&t->tree, t->many.ids.list[i]), &after);
    json_open(&body, '{');
    many_put_ids(t, &body);
    json_close(&body, '}');
    base_fmt(title, sizeof title, "%d sessions", t->many.ids.count);
    app_add_ended(t, buf_cstr(&body), title, "");
    app_set(&t->ended[t->ended_count - 1].after, after.n ? buf_cstr(&after) : NULL);
    buf_free(&after);
    body.n--;
    json_field_int(&body, "undo_s", APP_UNDO_S);
    json_close(&body, '}');
    struct app_request *request =
        app_request(t, "POST", "/sessions/end", buf_view(&body), APP_CONFIRM, many_on_ended);
    request->about = base_dup(t->ended[t->ended_count - 1].id);
    buf_free(&body);
    many_clear(t);
    many_unmark(t);
}

/* Reports when the last of the requests has its reply. */
static void many_count_reply(struct app *t, const char *why)
{
    buf text = {0};
    if (why && !t->many.failed++)
        app_set(&t->many.why, why);
    if (--t->many.pending)
        return;
    buf_fmt(&text, "%s: %d of %d", t->many.act, t->many.sent - t->many.failed, t->many.sent);
    if (t->many.failed)
        buf_fmt(&text, "; %s", t->many.why);
    app_say(t, t->many.failed > 0, buf_cstr(&text));
    buf_free(&text);
}

static void many_on_reply(struct app *t, struct json answer, struct app_request *request)
{
    (void)answer, (void)request;
    many_count_reply(t, NULL);
}

static int many_on_error(struct app *t, const char *why, struct app_request *request)
{
    (void)request;
    many_count_reply(t, why);
    return 1;
}

static void many_post(struct app *t, const char *tail, span body, const char *act)
{
    if (t->many.pending) {
        app_say(t, 1, "the act before has not ended yet");
        return;
    }
    t->many.act = act;
    t->many.failed = t->many.sent = 0;
    t->many.pending = 1; /* this function itself */
    for (int i = 0; i < t->many.ids.count; i++) {
        const struct tree_session *s = tree_session(&t->tree, t->many.ids.list[i]);
        buf target = {0};
        if (!s)
            continue;
        t->many.pending++, t->many.sent++;
        client_put_target(&target, s->id, tail, s->computer);
        app_request(t, "POST", buf_cstr(&target), body, APP_CONFIRM, many_on_reply)->on_error =
            many_on_error;
        buf_free(&target);
    }
    many_count_reply(t, NULL);
    many_clear(t);
    many_unmark(t);
}
