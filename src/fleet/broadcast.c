#include "fleet.h"

/* answer - what other computers ask of this one: their requests executed and answered, and sessions
 * shown to those who observe them: protocol.md section 3, the asked side.
 *
 * A request runs what its row in the table says and nothing else, and is always answered, at once
 * or when a holder has spoken. Who may change something here is [peers] allow's to say; a
 * computer's name is what it says itself, so that is no more than its word. */

#define REQUESTS_TITLE_MAX 400         /* bytes of a title */
#define REQUESTS_TAIL_CHARS 2000       /* of a transcript, when nothing else was asked for */
#define REQUESTS_JOBS_MAX 1000         /* requests under way */
#define BROADCAST_SHOWS_MAX 256         /* sessions being observed */
#define BROADCAST_OBSERVER_MS 60000     /* an observer who has not said so again has gone */
#define BROADCAST_LOOK_MS 20000         /* between two looks whether anybody observes still */
#define BROADCAST_ACTIVITY_MS 1000      /* between two looks whether a session is observed at all */
#define BROADCAST_FLUSH_MS 30           /* between two pieces of output */
#define BROADCAST_CHUNK_MAX (64 * 1024) /* output that goes out before that */
#define BROADCAST_BACKLOG (256 * 1024)  /* output that waits before its holder has to */
#define BROADCAST_FLYING_MAX 4          /* pieces that Redis has not taken yet */
#define BROADCAST_OUTPUT_KEPT 100       /* pieces kept in the stream */

/* ---- a request at work ---------------------------------------------------------------------- */

struct requests_job {
    struct requests_job *next, **link;
    struct requests *all;
    struct codec_id id;
    char *who; /* who asks */
    char session[65];
    long long number;
    struct session_waiter waiter;
    /* during the first call only */
    const struct codec_request *fields;
    char **words;
    struct session *of; /* the session that it is about */
};

static void broadcast_end(struct requests_job *job)
{
    LIST_REMOVE(job);
    job->all->jobs_count--;
    free(job->who);
    free(job);
}

static void broadcast_data(struct requests_job *job, span data)
{
    buf b = {0};
    codec_put_success(&b, data);
    streams_answer(&job->all->peers->link, job->id, buf_view(&b));
    buf_free(&b);
    broadcast_end(job);
}

static void broadcast_text(struct requests_job *job, const char *text)
{
    buf b = {0};
    json_put_string(&b, span_of(text));
    broadcast_data(job, buf_view(&b));
    buf_free(&b);
}

static void broadcast_error(struct requests_job *job, const char *error, const char *code)
{
    buf b = {0};
    codec_put_error(&b, error, code);
    streams_answer(&job->all->peers->link, job->id, buf_view(&b));
    buf_free(&b);
    broadcast_end(job);
}

static int broadcast_is_running(struct requests_job *job)
{
    if (job->of->holder.open && !session_has_exited(job->of))
        return 1;
    broadcast_error(job, "the session has ended", "ENDED");
    return 0;
}

/* Everything behind the command's own word. */
static void broadcast_put_rest(const struct requests_job *job, buf *b)
{
    codec_put_joined(b, job->words + 1);
}

/* ---- showing a session to those who observe it ---------------------------------------------- */

/* The connection to the holder; it outlives its show by a pass. */
struct broadcast_view {
    struct holder_link link;
    struct broadcast_show *show; /* NULL: replaced, or over */
};

struct broadcast_show {
    struct broadcast_show *next, **link;
    struct requests *all;
    char id[65];
    struct broadcast_view *view;
    struct {
        char *name;
        long long until;
    } observers[BROADCAST_OBSERVERS];
    int foreign;      /* the observation key is there: a TeleClaude daemon observes */
    buf bytes, size;  /* what goes out next; size is "" unless it is new */
    int snapshot;     /* bytes begin with one */
    long long number; /* of the last piece */
    long long flushed_at;
    int flying;
    struct loop_timer flush_timer;
};

static void broadcast_show_free(struct broadcast_show *show)
{
    if (show->flying || show->link)
        return;
    buf_free(&show->bytes);
    buf_free(&show->size);
    free(show);
}

static void broadcast_view_on_closed(void *ctx)
{
    free(ctx);
}

static void broadcast_view_close(struct broadcast_show *show)
{
    if (!show->view)
        return;
    show->view->show = NULL;
    holder_link_close(&show->view->link);
    show->view = NULL;
}

static void broadcast_show_end(struct broadcast_show *show)
{
    if (!show->link)
        return;
    LIST_REMOVE(show);
    show->all->show_count--;
    loop_timer_cancel(show->all->loop, &show->flush_timer);
    broadcast_view_close(show);
    for (int i = 0; i < BROADCAST_OBSERVERS; i++)
        free(show->observers[i].name);
    broadcast_show_free(show);
}

static void broadcast_show_flush(struct broadcast_show *show);

static void broadcast_show_on_sent(void *ctx, const struct resp *reply)
{
    struct broadcast_show *show = ctx;
    (void)reply;
    show->flying--;
    if (!show->link)
        broadcast_show_free(show);
    else if (show->bytes.n && !show->flush_timer.slot)
        broadcast_show_flush(show);
}

/* Bytes of s that are whole characters: a reader may want text. */
static size_t broadcast_whole(span s)
{
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        unsigned char c = (unsigned char)s.p[s.n - back];
        uint32_t cp;
        if (c >= 0xc0)
            return utf8_next(span_sub(s, s.n - back), &cp) == 0 ? s.n - back : s.n;
        if (c < 0x80)
            return s.n;
    }
    return s.n;
}

static void broadcast_show_flush(struct broadcast_show *show)
{
    struct requests *all = show->all;
    size_t n = broadcast_whole(buf_view(&show->bytes));
    char number[24], time[32];
    buf key = {0};
    if (!n || show->flying >= BROADCAST_FLYING_MAX)
        return;
    buf_fmt(&key, "output:%s", show->id);
    streams_put_time(time);
    snprintf(number, sizeof number, "%lld", ++show->number);
    span fields[12] = {span_of("chunk"), (span){show->bytes.p, n}, span_of("timestamp"),
                       span_of(time),    span_of("session_id"),    span_of(show->id),
                       span_of("n"),     span_of(number)};
    size_t count = 8;
    if (show->snapshot) {
        fields[count++] = span_of("snapshot");
        fields[count++] = span_of("1");
    }
    if (show->size.n) {
        fields[count++] = span_of("size");
        fields[count++] = buf_view(&show->size);
    }
    show->flying += streams_add(&all->peers->link, buf_cstr(&key), BROADCAST_OUTPUT_KEPT, fields, count,
                             60, broadcast_show_on_sent, show);
    show->flushed_at = all->loop->now;
    show->snapshot = 0;
    buf_clear(&show->size);
    buf_drop(&show->bytes, n);
    if (show->view && show->bytes.n < BROADCAST_BACKLOG / 2)
        conn_pause(&show->view->link.conn, 0);
    buf_free(&key);
}

static void broadcast_show_on_due(void *ctx)
{
    broadcast_show_flush(ctx);
}

static void broadcast_view_on_frame(void *ctx, enum frame_type type, span payload)
{
    struct broadcast_view *view = ctx;
    struct broadcast_show *show = view->show;
    if (!show || (type != FRAME_SIZE && type != FRAME_SNAPSHOT && type != FRAME_OUTPUT))
        return;
    if (type == FRAME_SIZE) {
        buf_clear(&show->size);
        buf_span(&show->size, payload);
        return;
    }
    if (type == FRAME_SNAPSHOT) { /* whatever was to go before it is in it */
        buf_clear(&show->bytes);
        show->snapshot = 1;
    }
    buf_span(&show->bytes, payload);
    long long due = show->flushed_at + BROADCAST_FLUSH_MS;
    if (show->bytes.n >= BROADCAST_CHUNK_MAX || show->all->loop->now >= due)
        broadcast_show_flush(show);
    if (show->bytes.n && !show->flush_timer.slot)
        loop_timer_set(show->all->loop, &show->flush_timer,
                       due > show->all->loop->now ? due : show->all->loop->now + BROADCAST_FLUSH_MS);
    if (show->bytes.n > BROADCAST_BACKLOG)
        conn_pause(&view->link.conn, 1); /* the holder notices, and skips to a snapshot */
}

static void broadcast_view_on_ended(void *ctx)
{
    struct broadcast_view *view = ctx;
    if (view->show) {
        view->show->view = NULL;
        broadcast_show_flush(view->show);
        broadcast_show_end(view->show);
    }
    broadcast_view_on_closed(view);
}

/* From a fresh snapshot on; 0: the holder can't be reached. */
static int broadcast_show_begin(struct broadcast_show *show, const struct session *s)
{
    static const char how[] = {FRAME_VIEW_SIZES};
    struct broadcast_view *view = base_alloc(sizeof *view);
    broadcast_view_close(show);
    view->show = show;
    view->link.on_frame = broadcast_view_on_frame;
    view->link.on_closed = broadcast_view_on_ended;
    view->link.ctx = view;
    if (holder_link_open(&view->link, show->all->loop, s->socket) != 0) {
        free(view);
        return 0;
    }
    show->view = view;
    holder_link_send(&view->link, FRAME_VIEW, (span){how, sizeof how});
    return 1;
}

static struct broadcast_show *broadcast_find_show(const struct requests *all, const char *id)
{
    struct broadcast_show *show = all->shows;
    while (show && strcmp(show->id, id) != 0)
        show = show->next;
    return show;
}

static struct broadcast_show *broadcast_new_show(struct requests *all, const char *id)
{
    if (all->show_count >= BROADCAST_SHOWS_MAX)
        return NULL;
    struct broadcast_show *show = base_alloc(sizeof *show);
    show->all = all;
    snprintf(show->id, sizeof show->id, "%s", id);
    show->flush_timer = (struct loop_timer){.fn = broadcast_show_on_due, .ctx = show};
    LIST_PUSH(&all->shows, show);
    all->show_count++;
    if (!all->look_timer.slot)
        loop_timer_set(all->loop, &all->look_timer, all->loop->now + BROADCAST_LOOK_MS);
    return show;
}

/* Notes until when `who` observes; until 0: not any more. How many do. */
static int broadcast_note_observer(struct broadcast_show *show, const char *who, long long until)
{
    long long now = show->all->loop->now;
    int free_place = -1, count = 0;
    for (int i = 0; i < BROADCAST_OBSERVERS; i++) {
        char *name = show->observers[i].name;
        if (name && who && strcmp(name, who) == 0) {
            show->observers[i].until = until;
            who = NULL;
        }
        if (name && show->observers[i].until <= now) {
            free(name);
            show->observers[i].name = NULL;
        }
        if (show->observers[i].name)
            count++;
        else if (free_place < 0)
            free_place = i;
    }
    if (who && until > now && free_place >= 0) {
        show->observers[free_place].name = span_dup(span_of(who));
        show->observers[free_place].until = until;
        count++;
    }
    return count;
}

static void broadcast_observe(struct requests_job *job)
{
    struct requests *all = job->all;
    struct broadcast_show *show = broadcast_find_show(all, job->session);
    const char *how = job->words[1] ? job->words[1] : "begin";
    buf b = {0};
    int cols, rows;
    if (strcmp(how, "end") == 0) {
        if (show && broadcast_note_observer(show, job->who, 0) == 0 && !show->foreign)
            broadcast_show_end(show);
        broadcast_text(job, "ended");
        return;
    }
    if (!broadcast_is_running(job))
        return;
    int begins = !show || !show->view || strcmp(how, "renew") != 0;
    if (!show && !(show = broadcast_new_show(all, job->session))) {
        broadcast_error(job, "too many sessions are observed", "BUSY");
        return;
    }
    broadcast_note_observer(show, job->who, all->loop->now + BROADCAST_OBSERVER_MS);
    if (begins && !broadcast_show_begin(show, job->of)) {
        broadcast_show_end(show);
        broadcast_error(job, "the session has ended", "ENDED");
        return;
    }
    session_size(job->of, &cols, &rows);
    json_open(&b, '{');
    json_field_int(&b, "cols", cols);
    json_field_int(&b, "rows", rows);
    json_close(&b, '}');
    broadcast_data(job, buf_view(&b));
    buf_free(&b);
}

/* Asked of a session by id: the answer may find it gone. */
struct broadcast_look {
    struct requests *all;
    char id[65];
};

static void broadcast_on_looked(void *ctx, int exists)
{
    struct broadcast_look *look = ctx;
    struct requests *all = look->all;
    struct broadcast_show *show = broadcast_find_show(all, look->id);
    const struct session *s = session_find(all->sessions, look->id);
    if (exists && !show && s && s->holder.open && !session_has_exited(s) &&
        (show = broadcast_new_show(all, look->id)) && !broadcast_show_begin(show, s)) {
        broadcast_show_end(show);
        show = NULL;
    }
    if (show) {
        show->foreign = exists;
        if (!exists && broadcast_note_observer(show, NULL, 0) == 0)
            broadcast_show_end(show);
    }
    free(look);
}

static void broadcast_look(struct requests *all, const char *id)
{
    struct broadcast_look *look = base_alloc(sizeof *look);
    buf key = {0};
    look->all = all;
    snprintf(look->id, sizeof look->id, "%s", id);
    buf_fmt(&key, "observation:%s:%s", all->config->computer, id);
    if (!streams_exists(&all->peers->link, buf_cstr(&key), broadcast_on_looked, look))
        free(look);
    buf_free(&key);
}

static void broadcast_on_look_due(void *ctx)
{
    struct requests *all = ctx;
    for (struct broadcast_show *show = all->shows, *next; show; show = next) {
        next = show->next;
        if (show->foreign)
            broadcast_look(all, show->id);
        else if (broadcast_note_observer(show, NULL, 0) == 0)
            broadcast_show_end(show);
    }
    if (all->shows)
        loop_timer_set(all->loop, &all->look_timer, all->loop->now + BROADCAST_LOOK_MS);
}

/* A TeleClaude daemon that observes says so by a key alone, and only one that is interested in
 * sessions can observe one. */
static void broadcast_on_activity(void *ctx, const char *id)
{
    struct requests *all = ctx;
    struct session *s = session_find(all->sessions, id);
    if (!s || !presence_is_heard_abroad(all->peers) || broadcast_find_show(all, id) ||
        all->loop->now < s->looked_at + BROADCAST_ACTIVITY_MS)
        return;
    s->looked_at = all->loop->now;
    broadcast_look(all, id);
}

