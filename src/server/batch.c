#include "server.h"

/* batch - ending many sessions with one request, and undoing that.
 *
 * All sessions end side by side; the reply follows the last one, and names those that did not end,
 * each with its reason. Each holder that ends looks at every process of the computer: a thousand at
 * once leave no other process any time. So they are asked in slices, and the next slice waits while
 * this process gets its own turns late. */

#define BATCH_MAX 20000 /* ids of one request */
#ifndef BATCH_SLICE
#define BATCH_SLICE 16    /* sessions */
#endif
#define BATCH_SLICE_MS 20 /* the most that one slice takes, and the pause after it */
#define BATCH_PAUSES 10   /* the most between two slices */

struct batch_item {
    struct batch *batch;
    char *id, *fault;                /* fault: why it did not end; NULL: it did */
    struct session_waiter waiter;    /* a session of this computer */
};

struct batch {
    struct server *server;
    struct httpd_client *client;     /* NULL: it has left */
    struct batch_item *items;
    size_t count, next, pending;     /* next: the first one that is not asked yet */
    struct loop_timer timer;         /* the next slice */
    long long due;                   /* loop clock: of the timer */
    int pauses;                      /* since the last slice */
    char *computer;                  /* of all; NULL or "": the cache knows */
    int undo_s, restores;            /* restores: undo ends */
};

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        free(batch->items[i].id), free(batch->items[i].fault);
    free(batch->items);
    free(batch->computer);
    free(batch);
}

/* The client has left: the sessions end all the same, and the last of them frees the batch. */
static void batch_on_gone(void *ctx)
{
    ((struct batch *)ctx)->client = NULL;
}

static void batch_reply(struct batch *batch)
{
    buf b = {0}, failed = {0};
    json_open(&failed, '[');
    json_open(&b, '{');
    json_field_open(&b, batch->restores ? "restored" : "ended", '[');
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->items[i].fault) {
            json_put_string(&b, span_of(batch->items[i].id));
            continue;
        }
        json_open(&failed, '{');
        json_field_string(&failed, "session_id", batch->items[i].id);
        json_field_string(&failed, "detail", batch->items[i].fault);
        json_close(&failed, '}');
    }
    json_close(&b, ']');
    json_close(&failed, ']');
    json_field_raw(&b, "failed", buf_view(&failed));
    if (batch->undo_s)
        json_field_int(&b, "undo_s", batch->undo_s);
    json_field_string(&b, "status", "success");
    json_close(&b, '}');
    request_reply(batch->client, &b);
    buf_free(&failed);
}

static void batch_finish_one(struct batch *batch)
{
    if (--batch->pending)
        return;
    if (batch->client) {
        httpd_wait(batch->client, NULL, NULL);
        batch_reply(batch);
    }
    batch_free(batch);
}

static void batch_on_ended(void *ctx)
{
    struct batch_item *item = ctx;
    if (item->waiter.error)
        item->fault = base_dup(os_file_fault(item->waiter.error));
    batch_finish_one(item->batch);
}

static void batch_on_answer(void *ctx, const struct codec_reply *answer, struct codec_id at,
                            const char *why)
{
    struct batch_item *item = ctx;
    (void)at;
    if (!answer || !answer->good)
        item->fault = answer ? json_dup_text(answer->error) : NULL;
    if ((!answer || !answer->good) && !item->fault)
        item->fault = base_dup(why ? why : "it failed without a reason");
    batch_finish_one(item->batch);
}

static void batch_on_reached(void *ctx, int status, span body, const char *error)
{
    struct batch_item *item = ctx;
    if (status < 200 || status > 299)
        item->fault = error ? base_dup(error) : client_detail(body);
    batch_finish_one(item->batch);
}

/* Asks another computer to end or restore its session. */
static void batch_ask(struct batch_item *item, const char *computer)
{
    struct batch *batch = item->batch;
    if (reached_ask_end(batch->server, computer, item->id, batch->undo_s, batch->restores,
                        batch_on_reached, item)) {
        batch->pending++;
        return;
    }
    struct fleet *fleet = batch->server->fleet;
    const struct roster_peer *peer = roster_find(fleet, span_of(computer));
    const char *why = NULL;
    char seconds[16];
    buf line = {0};
    base_fmt(seconds, sizeof seconds, "%d", batch->undo_s);
    const char *const words[] = {
        batch->restores ? "restore_session" : "end_session", item->id,
        batch->undo_s && peer && peer->beat.telec[0] ? seconds : NULL, NULL};
    codec_put_words(&line, words);
    struct codec_request request = {.command = buf_view(&line), .session_id = span_of(item->id)};
    if (streams_ask(&fleet->streams, computer, &request, batch_on_answer, item, &why))
        batch->pending++;
    else
        item->fault = base_dup(why);
    buf_free(&line);
}

static void batch_end(struct batch_item *item, struct session *s)
{
    struct batch *batch = item->batch;
    if (sessions_why_unreachable(s)) {
        item->fault = base_dup(sessions_why_unreachable(s));
        return;
    }
    if (batch->undo_s) {
        if (sessions_end_undoably(s, batch->undo_s) != 0)
            item->fault = base_dup(os_file_fault(errno));
        return;
    }
    batch->pending++;
    item->waiter = (struct session_waiter){.ended = batch_on_ended, .ctx = item};
    sessions_end(s, &item->waiter);
}

/* Ends or restores one session, of whichever computer. */
static void batch_run(struct batch_item *item, const char *computer)
{
    struct batch *batch = item->batch;
    struct server *server = batch->server;
    const struct cache_session *known = cache_find(server->cache, item->id);
    struct session *s = sessions_find(server->sessions, item->id);
    struct session *hidden = s ? NULL : sessions_find_hidden(server->sessions, item->id);
    if (!request_is_here(server, computer))
        batch_ask(item, computer);
    else if (s && !batch->restores)
        batch_end(item, s);
    else if (hidden && batch->restores)
        item->fault =
            sessions_undo_end(hidden) == 0 ? NULL : base_dup(os_file_fault(errno));
    else if (hidden && !batch->undo_s)
        batch_end(item, hidden);
    else if (!s && !hidden && (!computer || !*computer) && known)
        batch_ask(item, known->computer);
    else if (!hidden)
        item->fault = base_dup("Session not found");
}

/* Tells whether this process got its turn late: the last slice keeps the computer busy. */
static int batch_must_pause(struct batch *batch)
{
    int late = batch->due && clock_mono_ms() - batch->due > BATCH_SLICE_MS;
    batch->pauses = late && batch->pauses < BATCH_PAUSES ? batch->pauses + 1 : 0;
    return batch->pauses;
}

static void batch_run_slice(struct batch *batch)
{
    long long until = clock_mono_ms() + BATCH_SLICE_MS;
    int most = batch->restores ? BATCH_MAX : BATCH_SLICE;
    while (most-- && batch->next < batch->count && clock_mono_ms() < until)
        batch_run(&batch->items[batch->next++], batch->computer);
}

static void batch_go_on(void *ctx)
{
    struct batch *batch = ctx;
    if (!batch_must_pause(batch))
        batch_run_slice(batch);
    batch->due = clock_mono_ms() + BATCH_SLICE_MS;
    if (batch->next < batch->count)
        loop_timer_set(batch->server->loop, &batch->timer, batch->due);
    else
        batch_finish_one(batch);
}

/* Reads "ids" into the batch, or adds a fault. */
static void batch_read_ids(struct request *r, struct batch *batch)
{
    struct json ids = json_get(r->body, "ids");
    size_t count = 0;
    for (struct json_iter it = json_items(ids); json_next(&it);)
        count += json_type(it.value) == JSON_STRING ? 1 : BATCH_MAX + 1;
    if (!count || count > BATCH_MAX) {
        request_fault(r, json_type(ids) == JSON_NONE ? "missing" : "list_type", "body", "ids",
                      "Input should be an array of 1 to 20000 strings");
        return;
    }
    batch->items = base_alloc(count * sizeof *batch->items);
    for (struct json_iter it = json_iter(ids); json_next(&it);)
        batch->items[batch->count++] =
            (struct batch_item){.batch = batch, .id = json_dup_text(it.value)};
}

static void batch_handle(struct request *r, int restores)
{
    static const struct request_field computer_field = {"computer", 0, 0, NULL};
    struct batch *batch = base_alloc(sizeof *batch);
    *batch = (struct batch){.server = r->server, .client = r->client, .restores = restores};
    batch->computer = request_string(r, &computer_field);
    batch->undo_s = restores ? 0 : request_int(r, "undo_s", 0, SESSION_UNDO_MAX_S, 0);
    batch_read_ids(r, batch);
    if (request_reply_faults(r)) {
        batch_free(batch);
    } else {
        httpd_wait(r->client, batch_on_gone, batch);
        batch->pending = 1; /* batch_go_on itself */
        batch->timer = (struct loop_timer){.fn = batch_go_on, .ctx = batch};
        batch_go_on(batch);
    }
}

static void batch_end_sessions(struct request *r)
{
    batch_handle(r, 0);
}

static void batch_undo_ends(struct request *r)
{
    batch_handle(r, 1);
}
