#include "fleet.h"

/* streams - the conversations with Redis (doc/protocol.md, section 3): commands, the streams that
 * are read, requests to other computers and their replies, one subscribed channel.
 *
 * Commands are pipelined on the connection `calls`. All streams are read by one blocking XREAD on
 * `reader`; when the set of streams changes, CLIENT UNBLOCK interrupts it (a new connection does
 * where Redis refuses that). The channel is subscribed to on `calls`; with RESP2 on `subscriber`,
 * because such a connection can do nothing else. When `calls` is ready again after a loss, `reader`
 * connects again, too: the same fault may have cut it without notice.
 *
 * A link can die without notice (a tunnel, a frozen server), so every wait ends: an XREAD blocks
 * for STREAMS_BLOCK_MS at most, at best until a time at which the loop wakes up anyway. */

#define STREAMS_REQUESTS_KEPT 1000 /* entries of a stream of requests, about */
#define STREAMS_REPLIES_KEPT 10    /* entries of a reply's stream, about */
#define STREAMS_PUT_KEPT 10000     /* of an attachment's: each is deleted when it was read */
#define STREAMS_SKEW_MS (STREAMS_REPLY_MS / 5) /* two computers' errors in Redis's time */
#define STREAMS_READ_COUNT 200     /* entries of each stream in one XREAD */
#define STREAMS_UNBLOCK_MS 5       /* after a CLIENT UNBLOCK that came too early; doubles */
#define STREAMS_TRIES_MAX 3        /* of a request whose id is too low for its stream */
#define STREAMS_CLOCK_CHECKS 4     /* heartbeats from one TIME to the next */
#define STREAMS_UNBLOCKS_MAX 8     /* then the reading connection is taken for dead: after 1.3 s */

/* ---- the log -------------------------------------------------------------------------------- */

/* Others can send faults as fast as they like, so the log gets one line in STREAMS_LOG_MS. */
static void streams_complain(struct streams *l, const char *what, span who, const char *why)
{
    if (l->logged_at && l->loop->now < l->logged_at + STREAMS_LOG_MS) {
        l->omitted++;
        return;
    }
    log_line(LOG_WARN, "%s of %.*s: %s (%lld lines like this omitted)", what,
             (int)(who.n < 80 ? who.n : 80), who.n ? who.p : "", why, l->omitted);
    l->logged_at = l->loop->now;
    l->omitted = 0;
}

static void streams_refused(struct streams *l, const char *what, const struct resp *error)
{
    char why[160];
    base_fmt(why, sizeof why, "refused: %.*s", (int)(error->text.n < 120 ? error->text.n : 120),
             error->text.n ? error->text.p : "");
    streams_complain(l, what, span_of("Redis"), why);
}

/* ---- commands ------------------------------------------------------------------------------- */

static int streams_send(struct redis *r, const char *const *args,
                        void (*done)(void *ctx, const struct resp *reply), void *ctx)
{
    buf b = {0};
    resp_put_strings(&b, args);
    int sent = redis_call(r, buf_view(&b), 0, done, ctx);
    buf_free(&b);
    return sent;
}

static int streams_call(struct streams *l, const char *const *args,
                        void (*done)(void *ctx, const struct resp *reply), void *ctx)
{
    return streams_send(&l->calls, args, done, ctx);
}

static const char *streams_prefix(const struct streams *l)
{
    return l->calls.target.prefix ? l->calls.target.prefix : "";
}

static char *streams_key(const struct streams *l, const char *before, const char *name)
{
    buf b = {0};
    buf_str(&b, streams_prefix(l));
    buf_str(&b, before);
    buf_str(&b, name);
    buf_cstr(&b);
    return b.p;
}

static void streams_put_time(char out[32])
{
    long long now = clock_wall_ms();
    base_fmt(out, 32, "%lld.%03d", now / 1000, (int)(now % 1000));
}

static size_t streams_put_fields(buf *b, const struct streams_field *fields, size_t count)
{
    size_t parts = 0;
    for (size_t i = 0; i < count; i++)
        if (fields[i].value.n) {
            resp_put_arg(b, span_of(fields[i].name));
            resp_put_arg(b, fields[i].value);
            parts += 2;
        }
    return parts;
}

static int streams_append(struct streams *l, const char *key, int most, const struct codec_id *id,
                          span fields, size_t parts,
                          void (*done)(void *ctx, const struct resp *reply), void *ctx)
{
    buf b = {0}, text = {0}, signature = {0};
    int is_signed = id && l->secret.n;
    if (id)
        codec_put_id(&text, *id);
    resp_put_command(&b, 6 + parts + (is_signed ? 2 : 0));
    resp_put_arg(&b, span_of("XADD"));
    resp_put_arg(&b, span_of(key));
    resp_put_arg(&b, span_of("MAXLEN"));
    resp_put_arg(&b, span_of("~"));
    resp_put_int(&b, most);
    resp_put_arg(&b, id ? buf_view(&text) : span_of("*"));
    buf_span(&b, fields);
    if (is_signed) {
        signature_put(&signature, buf_view(&l->secret), key, *id, fields);
        resp_put_arg(&b, span_of(SIGNATURE_FIELD));
        resp_put_arg(&b, buf_view(&signature));
    }
    int sent = redis_call(&l->calls, buf_view(&b), 0, done, ctx);
    buf_free(&b), buf_free(&text), buf_free(&signature);
    return sent;
}

static void streams_expire(struct streams *l, const char *key)
{
    char ttl[16];
    base_fmt(ttl, sizeof ttl, "%d", STREAMS_TTL_S);
    const char *const expire[] = {"EXPIRE", key, ttl, NULL};
    streams_call(l, expire, NULL, NULL);
}

static int streams_add(struct streams *l, const char *key, int most,
                       const struct streams_field *fields, size_t count,
                       void (*done)(void *ctx, const struct resp *reply), void *ctx)
{
    buf b = {0};
    size_t parts = streams_put_fields(&b, fields, count);
    int sent = streams_append(l, key, most, NULL, buf_view(&b), parts, done, ctx);
    streams_expire(l, key);
    buf_free(&b);
    return sent;
}

static void streams_on_put(void *ctx, const struct resp *reply)
{
    if (reply && reply->type == RESP_ERROR)
        streams_refused(ctx, "an entry of an attachment", reply);
}

static int streams_put(struct streams *l, const char *key, const struct codec_id *id,
                       const struct streams_field *fields, size_t count)
{
    buf b = {0};
    size_t parts = streams_put_fields(&b, fields, count);
    int sent = streams_append(l, key, STREAMS_PUT_KEPT, id, buf_view(&b), parts, streams_on_put, l);
    streams_expire(l, key); /* each time: the key may have been deleted meanwhile */
    buf_free(&b);
    return sent;
}

static void streams_delete(struct streams *l, const char *key)
{
    const char *const args[] = {"DEL", key, NULL};
    streams_call(l, args, NULL, NULL);
}

static void streams_delete_entry(struct streams *l, const char *key, struct codec_id id)
{
    char text[48];
    base_fmt(text, sizeof text, "%llu-%llu", id.ms, id.seq);
    const char *const args[] = {"XDEL", key, text, NULL};
    streams_send(&l->reader, args, NULL, NULL);
}

static void streams_reply(struct streams *l, struct codec_id request, span envelope)
{
    buf id = {0}, key = {0};
    char time[32];
    codec_put_id(&id, request);
    streams_put_time(time);
    buf_fmt(&key, "%s%s%s", streams_prefix(l), STREAMS_OUTPUT_KEY, buf_cstr(&id));
    const struct streams_field fields[] = {
        {"chunk", envelope}, {"timestamp", span_of(time)}, {"message_id", buf_view(&id)}};
    if (!streams_add(l, buf_cstr(&key), STREAMS_REPLIES_KEPT, fields, COUNT_OF(fields), NULL, NULL))
        log_line(LOG_WARN, "request %s: no reply: Redis is not connected", id.p);
    buf_free(&id), buf_free(&key);
}

/* ---- reading streams ------------------------------------------------------------------------ */

static void streams_read(struct streams *l);

static void streams_reread(struct streams *l)
{
    l->stale_read = 1;
    loop_defer(l->loop, &l->reread);
}

static void streams_stream_open(struct streams *l, struct streams_stream *s)
{
    if (s->link)
        return;
    LIST_PUSH(&l->streams, s);
    streams_reread(l);
}

/* The XREAD in flight may still have it; its entries there are ignored. */
static void streams_stream_close(struct streams *l, struct streams_stream *s)
{
    LIST_REMOVE(s);
    if (s->reading)
        l->reading[s->reading - 1] = NULL;
    s->reading = 0;
}

static void streams_stream_free(struct streams *l, struct streams_stream *s)
{
    streams_stream_close(l, s);
    free(s->key);
    s->key = NULL;
}

static struct codec_id streams_last_id(const struct resp *reply)
{
    struct codec_id id = {0};
    struct resp entry, value;
    struct resp_iter it = resp_iter(reply);
    if (resp_next(&it, &entry)) {
        struct resp_iter parts = resp_iter(&entry);
        if (resp_next(&parts, &value))
            codec_parse_id(value.text, &id);
    }
    return id;
}

static void streams_read_entries(struct streams *l, size_t place, const struct resp *entries)
{
    struct resp_iter it = resp_iter(entries);
    struct resp entry, id_text, fields;
    l->batch = entries->count;
    if (l->reading[place])
        l->reading[place]->before = l->reading[place]->at;
    while (resp_next(&it, &entry)) {
        struct streams_stream *s = l->reading[place]; /* on_entry may close it */
        struct resp_iter parts = resp_iter(&entry);
        struct codec_id id;
        if (!s)
            return;
        if (!resp_next(&parts, &id_text) || !resp_next(&parts, &fields) ||
            !codec_parse_id(id_text.text, &id)) {
            streams_complain(l, "an entry", span_of(s->key), "not a stream entry");
            continue;
        }
        if (codec_compare_ids(id, s->at) <= 0)
            continue;
        s->at = id;
        s->on_entry(s, id, &fields);
        if (l->reading[place] == s && s->deletes)
            streams_delete_entry(l, s->key, id); /* last: what it brought must not wait for that */
    }
}

static void streams_on_read(void *ctx, const struct resp *reply)
{
    struct streams *l = ctx;
    struct resp key, entries;
    size_t place = 0;
    l->blocked = 0;
    if (!reply) { /* on_ready of the next connection reads on, less at once: it may be too much */
        l->read_count = l->read_count > 4 ? l->read_count / 4 : 1;
        return;
    }
    l->read_count = l->read_count < STREAMS_READ_COUNT / 2 ? l->read_count * 2 : STREAMS_READ_COUNT;
    if (reply->type == RESP_ERROR) {
        if (!resp_is_error(reply, "NOPERM")) /* `reader` tells of that */
            streams_refused(l, "an XREAD", reply);
        if (resp_is_error(reply, "UNBLOCKED")) /* a master became a replica: is it still ours? */
            redis_restart(&l->calls);
        loop_timer_in(l->loop, &l->unblock_timer, STREAMS_RETRY_MS);
        return;
    }
    struct resp_iter it = resp_iter(reply);
    while (resp_next_pair(&it, &key, &entries)) { /* in the order of the command */
        while (place < l->reading_count &&
               (!l->reading[place] || !span_eq(key.text, l->reading[place]->key)))
            place++;
        if (place == l->reading_count)
            break;
        streams_read_entries(l, place++, &entries); /* two streams may have one key */
    }
    streams_read(l);
}

/* Returns the BLOCK of the next XREAD, in milliseconds. */
static long long streams_block_ms(const struct streams *l)
{
    long long block = l->wake_at - l->loop->now;
    if (block <= 0 || block > STREAMS_BLOCK_MS)
        return STREAMS_BLOCK_MS;
    return block < STREAMS_BLOCK_MS / 30 ? block + STREAMS_BLOCK_MS : block;
}

static void streams_read(struct streams *l)
{
    buf b = {0}, id = {0};
    long long block = streams_block_ms(l);
    size_t count = 0;
    for (struct streams_stream *s = l->streams; s; s = s->next)
        count++;
    if (l->blocked || !count || l->reader.state != REDIS_READY)
        return;
    for (size_t i = 0; i < l->reading_count; i++)
        if (l->reading[i])
            l->reading[i]->reading = 0;
    l->reading = base_grow(l->reading, count * sizeof *l->reading);
    l->reading_count = 0;
    resp_put_command(&b, 6 + 2 * count);
    resp_put_arg(&b, span_of("XREAD"));
    resp_put_arg(&b, span_of("COUNT"));
    resp_put_int(&b, l->read_count);
    resp_put_arg(&b, span_of("BLOCK"));
    resp_put_int(&b, block);
    resp_put_arg(&b, span_of("STREAMS"));
    for (struct streams_stream *s = l->streams; s; s = s->next) {
        l->reading[l->reading_count++] = s;
        s->reading = (int)l->reading_count;
        resp_put_arg(&b, span_of(s->key));
    }
    for (size_t i = 0; i < count; i++) {
        buf_clear(&id);
        codec_put_id(&id, l->reading[i]->at);
        resp_put_arg(&b, buf_view(&id));
    }
    l->blocked = redis_call(&l->reader, buf_view(&b), block, streams_on_read, l);
    l->stale_read = l->unblocks = 0;
    buf_free(&b);
    buf_free(&id);
}

/* An answer of 0: the XREAD does not block yet, or no longer; or it never reached Redis. */
static void streams_on_unblocked(void *ctx, const struct resp *reply)
{
    struct streams *l = ctx;
    if (!reply || !l->blocked || !l->stale_read)
        return;
    if (reply->type == RESP_ERROR) {
        log_line(LOG_WARN, "Redis refuses CLIENT UNBLOCK (%.*s): a new connection interrupts reads",
                 (int)(reply->text.n < 80 ? reply->text.n : 80), reply->text.p);
        l->no_unblock = 1;
        redis_restart(&l->reader);
    } else if (reply->integer != 0) {
        redis_expect(&l->reader);
    } else if (l->unblocks < STREAMS_UNBLOCKS_MAX) {
        loop_timer_in(l->loop, &l->unblock_timer, ((long long)STREAMS_UNBLOCK_MS << l->unblocks++));
    } else {
        log_line(LOG_WARN, "redis (reader): Redis does not know its XREAD: connecting again");
        redis_restart(&l->reader);
    }
}

static void streams_interrupt(void *ctx)
{
    struct streams *l = ctx;
    char id[24];
    if (l->stopped)
        return;
    if (!l->blocked) {
        streams_read(l);
        return;
    }
    if (!l->stale_read || l->reader.state != REDIS_READY)
        return;
    base_fmt(id, sizeof id, "%lld", l->reader.id);
    const char *const args[] = {"CLIENT", "UNBLOCK", id, NULL};
    if (l->no_unblock || !l->reader.id || !streams_call(l, args, streams_on_unblocked, l))
        redis_restart(&l->reader);
}

static int streams_find_end(struct streams *l, const char *key,
                            void (*done)(void *ctx, const struct resp *reply), void *ctx)
{
    const char *const args[] = {"XREVRANGE", key, "+", "-", "COUNT", "1", NULL};
    return streams_call(l, args, done, ctx);
}

/* ---- requests to other computers ------------------------------------------------------------ */

static void streams_request_free(struct streams_request *request)
{
    if (request->sending || request->link)
        return;
    free(request->computer);
    buf_free(&request->fields);
    free(request);
}

/* The request's memory lasts until its XADD is answered. */
static void streams_request_unlink(struct streams_request *request)
{
    struct streams *l = request->owner;
    if (!request->link)
        return;
    LIST_REMOVE(request);
    l->request_count--;
    loop_timer_cancel(l->loop, &request->timer);
    streams_stream_free(l, &request->stream);
}

static void streams_request_finish(struct streams_request *request,
                                   const struct codec_reply *reply, struct codec_id at,
                                   const char *why)
{
    if (!request->link)
        return;
    streams_request_unlink(request);
    if (request->done)
        request->done(request->ctx, reply, at, why);
    request->done = NULL;
    streams_request_free(request);
}

static void streams_cancel(struct streams_request *request)
{
    request->done = NULL;
    streams_request_unlink(request);
    streams_request_free(request);
}

/* Deletes the request's entry, in case the other computer has not read it yet. One that comes
 * later, or has been delayed on its way to Redis, is refused there by its age (wait_ms). */
static void streams_withdraw(const struct streams_request *request)
{
    char *key = streams_key(request->owner, STREAMS_REQUESTS_KEY, request->computer);
    const char *const args[] = {"XDEL", key, request->id, NULL};
    streams_call(request->owner, args, NULL, NULL);
    free(key);
}

static void streams_request_on_late(void *ctx)
{
    struct streams_request *request = ctx;
    request->late = 1;
    streams_withdraw(request);
    streams_request_finish(request, NULL, (struct codec_id){0},
                           request->sending
                               ? "Redis does not answer; the request is withdrawn, but may have "
                                 "been carried out"
                               : "does not answer; the request is withdrawn, but may have been "
                                 "carried out");
}

static void streams_request_on_entry(struct streams_stream *s, struct codec_id id,
                                     const struct resp *fields)
{
    struct streams_request *request = s->owner;
    struct codec_reply reply;
    const char *why;
    buf mended = {0};
    if (codec_parse_reply(codec_mend(codec_field(fields, "chunk"), &mended), &reply, &why))
        streams_request_finish(request, &reply, id, NULL);
    else
        streams_complain(request->owner, "a reply", span_of(request->computer), why);
    buf_free(&mended);
}

static void streams_request_on_end(void *ctx, const struct resp *reply);

static void streams_request_on_sent(void *ctx, const struct resp *reply)
{
    struct streams_request *request = ctx;
    struct codec_id id;
    char why[160];
    if (reply && resp_is_error(reply, "ERR") && request->link &&
        request->tries++ < STREAMS_TRIES_MAX) { /* the stream's last id is above ours */
        char *key = streams_key(request->owner, STREAMS_REQUESTS_KEY, request->computer);
        int sent = streams_find_end(request->owner, key, streams_request_on_end, request);
        free(key);
        if (sent)
            return;
    }
    request->sending = 0;
    if (!request->link) {
        if (request->late)
            streams_withdraw(request);
        streams_request_free(request);
    } else if (!reply) {
        streams_request_finish(request, NULL, (struct codec_id){0},
                               "the connection to Redis was lost; the request may have been "
                               "carried out");
    } else if (!codec_parse_id(reply->text, &id)) {
        base_fmt(why, sizeof why, "Redis refuses the request: %.*s",
                 (int)(reply->text.n < 100 ? reply->text.n : 100), reply->text.p);
        streams_request_finish(request, NULL, (struct codec_id){0}, why);
    } else {
        request->stream.key = streams_key(request->owner, STREAMS_OUTPUT_KEY, request->id);
        streams_stream_open(request->owner, &request->stream);
    }
}

static long long streams_now(const struct streams *l)
{
    return clock_mono_ms() + l->clock;
}

/* Sends the request's entry. The id is ours: Redis numbers entries within one stream only, so two
 * requests to two computers in one millisecond would get the same id, and both replies the same
 * key; and the id is signed. */
static int streams_send_entry(struct streams_request *request, struct codec_id id)
{
    char *key = streams_key(request->owner, STREAMS_REQUESTS_KEY, request->computer);
    base_fmt(request->id, sizeof request->id, "%llu-%llu", id.ms, id.seq);
    int sent = streams_append(request->owner, key, STREAMS_REQUESTS_KEPT, &id,
                              buf_view(&request->fields), request->parts, streams_request_on_sent,
                              request);
    free(key);
    return sent;
}

static struct codec_id streams_new_id(struct streams *l)
{
    return (struct codec_id){(unsigned long long)streams_now(l), l->number++};
}

/* The stream's last id is known: tries one above it. */
static void streams_request_on_end(void *ctx, const struct resp *reply)
{
    struct streams_request *request = ctx;
    struct codec_id id = streams_new_id(request->owner);
    struct codec_id last = reply ? streams_last_id(reply) : id;
    if (codec_compare_ids(id, last) <= 0)
        id = (struct codec_id){last.ms, last.seq + 1};
    if (!reply || !request->link || !streams_send_entry(request, id))
        streams_request_on_sent(request, NULL);
}

static void streams_put_request(struct streams_request *request, const struct codec_request *what)
{
    const struct streams *l = request->owner;
    char time[32], asked[24], wait[16];
    streams_put_time(time);
    base_fmt(asked, sizeof asked, "%lld", streams_now(l));
    base_fmt(wait, sizeof wait, "%d", STREAMS_REPLY_MS - STREAMS_SKEW_MS);
    const struct streams_field fields[] = {{"command", what->command},
                                           {"timestamp", span_of(time)},
                                           {"initiator", span_of(l->config->computer)},
                                           {"session_id", what->session_id},
                                           {"title", what->title},
                                           {"project_dir", what->project_dir},
                                           {"channel_metadata", what->metadata},
                                           {"auto_command", what->auto_command},
                                           {"asked_ms", span_of(asked)},
                                           {"wait_ms", span_of(wait)}};
    request->parts = streams_put_fields(&request->fields, fields, COUNT_OF(fields));
}

static struct streams_request *
streams_ask(struct streams *l, const char *computer, const struct codec_request *what,
            void (*done)(void *ctx, const struct codec_reply *reply, struct codec_id at,
                         const char *why),
            void *ctx, const char **why)
{
    *why = !l->ready                                 ? "Redis is not connected"
           : l->request_count >= STREAMS_PENDING_MAX ? "too many requests are pending"
                                                     : NULL;
    if (*why)
        return NULL;
    struct streams_request *request = base_alloc(sizeof *request);
    request->owner = l;
    request->computer = base_dup(computer);
    request->done = done;
    request->ctx = ctx;
    request->stream.owner = request;
    request->stream.on_entry = streams_request_on_entry;
    request->timer = (struct loop_timer){.fn = streams_request_on_late, .ctx = request};
    streams_put_request(request, what);
    if (!streams_send_entry(request, streams_new_id(l))) {
        *why = "Redis does not keep up: too many commands are pending";
        streams_request_free(request);
        return NULL;
    }
    request->sending = 1;
    LIST_PUSH(&l->requests, request);
    l->request_count++;
    loop_timer_in(l->loop, &request->timer, STREAMS_REPLY_MS);
    return request;
}

/* ---- connections ---------------------------------------------------------------------------- */

/* Tells the owner: messages published before are lost. */
static void streams_on_subscribed(void *ctx, const struct resp *reply)
{
    struct streams *l = ctx;
    l->deaf = reply && reply->type == RESP_ERROR;
    if (reply && !l->deaf)
        l->hooks->on_subscribed(l->ctx);
}

static void streams_subscribe(struct streams *l, struct redis *r)
{
    char *channel = streams_key(l, l->hooks->channel, "");
    const char *const args[] = {"SUBSCRIBE", channel, NULL};
    streams_send(r, args, streams_on_subscribed, l);
    free(channel);
}

/* Takes Redis's time, as it was half way between the command and its reply. A slow reply says too
 * little. */
static void streams_set_clock(struct streams *l, const struct resp *reply)
{
    struct resp_iter it = resp_iter(reply);
    struct resp seconds, micros;
    long long s, us, now = clock_mono_ms(), way = now - l->time_asked_at;
    if ((!l->ready || way < STREAMS_SKEW_MS) && resp_next(&it, &seconds) &&
        resp_next(&it, &micros) && span_int(seconds.text, &s) && span_int(micros.text, &us))
        l->clock = s * 1000 + us / 1000 - now + way / 2;
}

/* Redis's time is known: `calls` is ready, if it was not. */
static void streams_on_time(void *ctx, const struct resp *reply)
{
    struct streams *l = ctx;
    if (!reply)
        return;
    streams_set_clock(l, reply);
    if (l->ready)
        return;
    l->ready = 1;
    if (l->calls.protocol >= 3) {
        streams_subscribe(l, &l->calls);
    } else if (!l->subscriber_started) {
        l->subscriber_started = 1;
        redis_start(&l->subscriber);
    }
    l->hooks->on_ready(l->ctx);
    if (l->stopped)
        return;
    if (l->reader.state == REDIS_OFF)
        redis_start(&l->reader);
    else
        redis_restart(&l->reader);
}

static void streams_on_ready(void *ctx)
{
    static const char *const time[] = {"TIME", NULL};
    struct streams *l = ctx;
    l->time_asked_at = clock_mono_ms();
    streams_call(l, time, streams_on_time, l);
}

static const struct redis *streams_weakest(const struct streams *l)
{
    const struct redis *const all[] = {&l->calls, &l->reader, &l->subscriber}, *weakest = all[0];
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i]->why[0] && (all[i]->state != REDIS_READY || !weakest->why[0]))
            weakest = all[i];
    return weakest;
}

static void streams_check(struct streams *l)
{
    static const char *const ping[] = {"PING", NULL};
    if (l->subscriber.state == REDIS_READY)
        streams_send(&l->subscriber, ping, NULL, NULL);
    if (l->deaf)
        streams_subscribe(l, l->calls.protocol >= 3 ? &l->calls : &l->subscriber);
    if (++l->checks % STREAMS_CLOCK_CHECKS == 0)
        streams_on_ready(l);
}

static void streams_on_lost(void *ctx, const char *why)
{
    struct streams *l = ctx;
    (void)why;
    if (!l->ready)
        return;
    l->ready = 0;
    l->hooks->on_lost(l->ctx);
}

static void streams_on_push(void *ctx, span channel, span message)
{
    struct streams *l = ctx;
    size_t prefix = strlen(streams_prefix(l));
    if (channel.n > prefix && span_eq(span_sub(channel, prefix), l->hooks->channel))
        l->hooks->on_message(l->ctx, message);
}

static void streams_reader_on_ready(void *ctx)
{
    struct streams *l = ctx;
    l->blocked = 0;
    streams_read(l);
    l->hooks->on_link(l->ctx);
}

static void streams_reader_on_lost(void *ctx, const char *why)
{
    struct streams *l = ctx;
    (void)why;
    l->blocked = 0;
}

static void streams_subscriber_on_ready(void *ctx)
{
    struct streams *l = ctx;
    streams_subscribe(l, &l->subscriber);
    l->hooks->on_link(l->ctx);
}

static void streams_on_change(void *ctx)
{
    struct streams *l = ctx;
    l->hooks->on_link(l->ctx);
}

static const struct redis_hooks
    streams_calls_hooks = {streams_on_ready, streams_on_lost, streams_on_push, streams_on_change},
    streams_reader_hooks = {streams_reader_on_ready, streams_reader_on_lost, NULL,
                            streams_on_change},
    streams_subscriber_hooks = {streams_subscriber_on_ready, NULL, streams_on_push,
                                streams_on_change};

/* ---- life ----------------------------------------------------------------------------------- */

static void streams_free(struct streams *l)
{
    l->ready = 0;
    while (l->requests)
        streams_request_finish(l->requests, NULL, (struct codec_id){0}, "the daemon ends");
    loop_timer_cancel(l->loop, &l->unblock_timer);
    loop_task_cancel(l->loop, &l->reread);
    redis_free(&l->calls);
    redis_free(&l->reader);
    redis_free(&l->subscriber);
    free(l->reading);
    l->reading = NULL;
    if (l->secret.p)
        memset(l->secret.p, 0, l->secret.n);
    buf_free(&l->secret);
    l->on = 0;
}

static int streams_init(struct streams *l, struct loop *loop, const struct config *config,
                        const struct streams_hooks *hooks, void *ctx, buf *error)
{
    *l = (struct streams){.loop = loop, .config = config, .hooks = hooks, .ctx = ctx};
    if (!config->redis_url[0])
        return 0;
    if (signature_read_secret(config, &l->secret, error) != 0 ||
        redis_init(&l->calls, loop, config, "calls", &streams_calls_hooks, l, error) != 0 ||
        redis_init(&l->reader, loop, config, "reader", &streams_reader_hooks, l, error) != 0 ||
        redis_init(&l->subscriber, loop, config, "subscriber", &streams_subscriber_hooks, l,
                   error) != 0) {
        streams_free(l);
        return -1;
    }
    l->on = 1;
    l->read_count = STREAMS_READ_COUNT;
    os_random(&l->number, sizeof l->number);
    l->number >>= 2; /* it must never wrap */
    l->clock = clock_wall_ms() - clock_mono_ms();
    l->unblock_timer = (struct loop_timer){.fn = streams_interrupt, .ctx = l};
    l->reread = (struct loop_task){.fn = streams_interrupt, .ctx = l};
    return 0;
}

static void streams_start(struct streams *l)
{
    redis_start(&l->calls);
}

static void streams_stop_reading(struct streams *l)
{
    l->stopped = 1;
    redis_free(&l->reader);
}

static int streams_is_busy(const struct streams *l)
{
    return l->ready && l->calls.pending_count > 0;
}
