#include "session.h"

/* cache - the known sessions as JSON objects, and the subscribers of their events.
 *
 * A session is serialised once when it changes; lists and events are made of those bytes. An event
 * is encoded once for all subscribers. A session's first change is sent at once, further ones at
 * most every CACHE_UPDATE_MS, the last one always. The time is an argument; a loop is needed only
 * for cache_use_loop. */

#define CACHE_OBJECT_GRAIN 64 /* bytes of an object's memory; a power of two */
#ifndef CACHE_FLUSH_GRAIN_MS
#define CACHE_FLUSH_GRAIN_MS 5 /* updates that are due this close together are sent together */
#endif

/* ---- index by id ---------------------------------------------------------------------------- */

static struct cache_session **cache_bucket(const struct cache *c, const char *id)
{
    return &c->buckets[span_hash(span_of(id)) & (c->cap - 1)];
}

static struct cache_session *cache_find(const struct cache *c, const char *id)
{
    struct cache_session *s = c->cap ? *cache_bucket(c, id) : NULL;
    while (s && strcmp(s->id, id) != 0)
        s = s->next_same;
    return s;
}

/* Makes room: closes the gaps, and doubles unless that frees half of the places. */
static void cache_rearrange(struct cache *c)
{
    size_t to = 0;
    if (c->count * 2 >= c->cap)
        c->cap = c->cap ? c->cap * 2 : 16;
    c->sessions = base_grow(c->sessions, c->cap * sizeof *c->sessions);
    free(c->buckets);
    c->buckets = base_alloc(c->cap * sizeof *c->buckets);
    for (size_t from = 0; from < c->places; from++) {
        struct cache_session *s = c->sessions[from];
        if (!s)
            continue;
        struct cache_session **bucket = cache_bucket(c, s->id);
        s->next_same = *bucket;
        *bucket = s;
        s->place = to;
        c->sessions[to++] = s;
    }
    c->places = to;
}

/* ---- events --------------------------------------------------------------------------------- */

static void cache_publish_parts(struct cache *c, unsigned topics, const span *parts, size_t count)
{
    blob *frame = NULL;
    for (struct cache_subscriber *s = c->subscribers, *next; s; s = next) {
        next = s->next;
        if (!(s->topics & topics))
            continue;
        if (!frame)
            frame = c->encode(parts, count);
        s->send(s->ctx, frame);
        c->events_sent++;
    }
    blob_drop(frame);
}

static void cache_publish(struct cache *c, unsigned topics, span event_json)
{
    cache_publish_parts(c, topics, &event_json, 1);
}

static void cache_send_session(struct cache *c, struct cache_session *s, long long now)
{
    span event[3] = {span_of(s->announced ? "{\"event\":\"session_updated\",\"data\":"
                                         : "{\"event\":\"session_created\",\"data\":"),
                    buf_view(&s->json), span_of("}")};
    s->announced = 1;
    s->sent_at = now;
    if (c->on_session)
        c->on_session(c->session_ctx, s, 0);
    cache_publish_parts(c, CACHE_SESSIONS, event, COUNT_OF(event));
}

static void cache_on_flush_due(void *ctx)
{
    struct cache *c = ctx;
    long long next = cache_flush(c, c->loop->now);
    if (next >= 0)
        loop_timer_set(c->loop, &c->flush_timer, next + CACHE_FLUSH_GRAIN_MS);
}

static void cache_set_dirty(struct cache *c, struct cache_session *s)
{
    if (c->loop && !c->flush_timer.slot)
        loop_timer_set(c->loop, &c->flush_timer,
                       s->sent_at + CACHE_UPDATE_MS + CACHE_FLUSH_GRAIN_MS);
    s->next_dirty = NULL;
    s->dirty = c->dirty_last;
    *c->dirty_last = s;
    c->dirty_last = &s->next_dirty;
}

static void cache_unset_dirty(struct cache *c, struct cache_session *s)
{
    if (!s->dirty)
        return;
    *s->dirty = s->next_dirty;
    if (s->next_dirty)
        s->next_dirty->dirty = s->dirty;
    else
        c->dirty_last = s->dirty;
    s->dirty = NULL;
}

static long long cache_flush(struct cache *c, long long now)
{
    long long earliest = -1;
    for (struct cache_session *s = c->dirty_first, *next; s; s = next) {
        long long due = s->sent_at + CACHE_UPDATE_MS;
        next = s->next_dirty;
        if (due > now) {
            earliest = earliest < 0 || due < earliest ? due : earliest;
            continue;
        }
        cache_unset_dirty(c, s);
        cache_send_session(c, s, now);
    }
    return earliest;
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void cache_changed(struct cache *c)
{
    blob_drop(c->list);
    c->list = NULL;
}

static struct cache_session *cache_add(struct cache *c, const char *id, const char *computer)
{
    size_t id_size = strlen(id) + 1, computer_size = strlen(computer) + 1;
    struct cache_session *s = base_alloc(sizeof *s + c->reserved + id_size + computer_size);
    if (c->places == c->cap)
        cache_rearrange(c);
    s->id = memcpy((char *)(s + 1) + c->reserved, id, id_size);
    s->computer = memcpy(s->id + id_size, computer, computer_size);
    struct cache_session **bucket = cache_bucket(c, id);
    s->next_same = *bucket;
    *bucket = s;
    s->place = c->places++;
    c->sessions[s->place] = s;
    c->count++;
    return s;
}

/* Tells whether the object is unchanged. Compares from the end: often changed members come last. */
static int cache_is_same(const struct cache_session *s, const span *parts, size_t count)
{
    size_t at = span_total(parts, count);
    if (s->json.n != at)
        return 0;
    while (count-- > 0) {
        at -= parts[count].n;
        if (parts[count].n && memcmp(s->json.p + at, parts[count].p, parts[count].n) != 0)
            return 0;
    }
    return 1;
}

/* Allocates little more than the object: there are many. */
static void cache_set_object(struct cache_session *s, const span *parts, size_t count)
{
    size_t n = span_total(parts, count);
    if (s->json.cap < n) {
        s->json.cap = n + (-n & (CACHE_OBJECT_GRAIN - 1));
        s->json.p = base_grow(s->json.p, s->json.cap);
    }
    buf_clear(&s->json);
    for (size_t i = 0; i < count; i++)
        buf_span(&s->json, parts[i]);
}

static void cache_update(struct cache *c, struct cache_session *s, const span *parts, size_t count,
                         long long now)
{
    if (cache_is_same(s, parts, count))
        return;
    cache_set_object(s, parts, count);
    cache_changed(c);
    if (s->dirty) {
        c->events_coalesced++;
    } else if (!s->announced || now >= s->sent_at + CACHE_UPDATE_MS) {
        cache_send_session(c, s, now);
    } else {
        cache_set_dirty(c, s);
    }
}

static struct cache_session *cache_put(struct cache *c, const char *id, const char *computer,
                                       const span *parts, size_t count, long long now)
{
    struct cache_session *s = cache_find(c, id);
    if (!s)
        s = cache_add(c, id, computer);
    cache_update(c, s, parts, count, now);
    return s;
}

static void cache_free_session(struct cache_session *s)
{
    buf_free(&s->json);
    free(s);
}

static void cache_move_before(struct cache *c, struct cache_session *s,
                              const struct cache_session *next)
{
    size_t to = next->place;
    for (size_t at = s->place; at > to; at--) {
        c->sessions[at] = c->sessions[at - 1];
        if (c->sessions[at])
            c->sessions[at]->place = at;
    }
    c->sessions[to] = s;
    s->place = to;
    cache_changed(c);
}

static void cache_remove(struct cache *c, const char *id)
{
    struct cache_session *s = cache_find(c, id);
    if (!s)
        return;
    struct cache_session **at = cache_bucket(c, id);
    while (*at != s)
        at = &(*at)->next_same;
    *at = s->next_same;
    cache_unset_dirty(c, s);
    cache_changed(c);
    if (c->on_session)
        c->on_session(c->session_ctx, s, 1);
    c->sessions[s->place] = NULL;
    c->count--;
    if (c->interest & CACHE_SESSIONS) {
        buf event = {0};
        json_open(&event, '{');
        json_field_string(&event, "event", "session_removed");
        json_field_open(&event, "data", '{');
        json_field_string(&event, "session_id", s->id);
        if (s->undo_s)
            json_field_int(&event, "undo_s", s->undo_s);
        json_close(&event, '}');
        json_close(&event, '}');
        cache_publish(c, CACHE_SESSIONS, buf_view(&event));
        buf_free(&event);
    }
    cache_free_session(s);
}

static void cache_put_list(const struct cache *c, const char *computer, buf *b)
{
    json_open(b, '[');
    for (size_t i = 0; i < c->places; i++) {
        const struct cache_session *s = c->sessions[i];
        if (s && (!computer || strcmp(s->computer, computer) == 0))
            json_put_raw(b, buf_view(&s->json));
    }
    json_close(b, ']');
}

static blob *cache_list(struct cache *c)
{
    if (c->list)
        return c->list;
    size_t n = 2;
    for (size_t i = 0; i < c->places; i++)
        n += c->sessions[i] ? c->sessions[i]->json.n + 1 : 0; /* and a comma */
    blob *list = base_grow(NULL, sizeof *list + n);
    size_t at = 0;
    for (size_t i = 0; i < c->places; i++) {
        if (!c->sessions[i])
            continue;
        span json = buf_view(&c->sessions[i]->json);
        list->p[at] = at ? ',' : '[';
        at++;
        memcpy(list->p + at, json.p, json.n);
        at += json.n;
    }
    if (at == 0)
        list->p[at++] = '[';
    list->p[at++] = ']';
    list->n = at;
    list->refs = 1;
    c->list = list;
    return list;
}

/* ---- subscribers, life ---------------------------------------------------------------------- */

/* Tells the owner when a topic gets its first subscriber or loses its last one. */
static void cache_count_topics(struct cache *c, unsigned old, unsigned now)
{
    unsigned before = c->interest;
    for (int i = 0; i < CACHE_TOPICS; i++) {
        c->wanting[i] += (now >> i & 1) - (old >> i & 1);
        c->interest = c->wanting[i] ? c->interest | 1u << i : c->interest & ~(1u << i);
    }
    if (c->interest != before && c->on_interest)
        c->on_interest(c->interest_ctx, c->interest);
}

static void cache_subscribe(struct cache *c, struct cache_subscriber *s, unsigned topics)
{
    unsigned before = s->topics;
    s->topics = topics;
    if (!topics)
        LIST_REMOVE(s);
    else if (!s->link)
        LIST_PUSH(&c->subscribers, s);
    cache_count_topics(c, before, topics);
}

static void cache_init(struct cache *c, blob *(*encode)(const span *parts, size_t count))
{
    *c = (struct cache){.encode = encode};
    c->dirty_last = &c->dirty_first;
}

static void cache_use_loop(struct cache *c, struct loop *l)
{
    c->loop = l;
    c->flush_timer = (struct loop_timer){.fn = cache_on_flush_due, .ctx = c};
}

static size_t cache_reserve(struct cache *c, size_t size)
{
    const size_t grain = sizeof(union { void *p; long long n; });
    size_t place = c->reserved;
    c->reserved += (size + grain - 1) / grain * grain;
    return place;
}

static void *cache_data(const struct cache_session *s, size_t place)
{
    return (char *)(s + 1) + place;
}

static void cache_free(struct cache *c)
{
    if (c->loop)
        loop_timer_cancel(c->loop, &c->flush_timer);
    while (c->subscribers)
        cache_subscribe(c, c->subscribers, 0);
    for (size_t i = 0; i < c->places; i++)
        if (c->sessions[i])
            cache_free_session(c->sessions[i]);
    free(c->sessions);
    free(c->buckets);
    blob_drop(c->list);
    *c = (struct cache){0};
}
