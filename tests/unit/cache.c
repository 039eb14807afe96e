/* Unit tests of cache: random puts, removals and flushes against a plain table; what subscribers
 * hear, kept by each as a copy, must come to the same. */

#define UNIT_CACHE_IDS 40
#define UNIT_CACHE_SUBSCRIBERS 4

/* What is known of session number i; version 0: it is not there. */
struct unit_cache_entry {
    int version;
    unsigned place;     /* when it came */
    int known;          /* a subscriber's copy: created and not removed */
    long long event_at; /* when its last event went out; -1: none since it was created */
};

struct unit_cache_listener {
    struct cache_subscriber sub;
    struct unit_cache *all;
    struct unit_cache_entry copy[UNIT_CACHE_IDS];
    int heard, other; /* events of sessions, of other kinds */
    int leaves;       /* unsubscribes at its next event */
};

struct unit_cache {
    struct cache cache;
    struct unit_cache_entry model[UNIT_CACHE_IDS];
    struct unit_cache_listener listeners[UNIT_CACHE_SUBSCRIBERS];
    long long now;
    unsigned came;
    int encoded;
    uint32_t seed;
};

static int unit_cache_encoded; /* an encoder has no context */

static blob *unit_cache_encode(const span *parts, size_t count)
{
    unit_cache_encoded++;
    return blob_join((span){0}, parts, count);
}

/* Puts an object cut into parts at random: that must make no difference. */
static void unit_cache_put(struct cache *c, const char *id, const char *computer,
                           const char *object, long long now)
{
    static unsigned cut;
    size_t n = strlen(object), at = cut++ % (n + 1);
    span parts[] = {{object, at}, {0}, {object + at, n - at}};
    struct cache_session *s = cache_put(c, id, computer, parts, COUNT_OF(parts), now);
    CHECK(s == cache_find(c, id));
    CHECK_SPAN(buf_view(&s->json), object);
}

static uint32_t unit_cache_random(struct unit_cache *all, uint32_t below)
{
    all->seed = all->seed * 1664525u + 1013904223u;
    return (all->seed >> 8) % below;
}

static const char *unit_cache_computer(int i)
{
    return i % 3 ? "here" : "there";
}

static void unit_cache_put_object(buf *b, int i, int version)
{
    buf_fmt(b, "{\"session_id\":\"s%d\",\"version\":%d}", i, version);
}

/* An event's session number, checked to be one of ours. */
static int unit_cache_number(struct json data)
{
    char *id = json_dup_text(json_get(data, "session_id"));
    int i = id && id[0] == 's' ? atoi(id + 1) : -1;
    free(id);
    CHECK(i >= 0 && i < UNIT_CACHE_IDS);
    return i < 0 || i >= UNIT_CACHE_IDS ? 0 : i;
}

static void unit_cache_hear_session(struct unit_cache_listener *l, struct json name,
                                    struct json data)
{
    struct unit_cache_entry *e = &l->copy[unit_cache_number(data)];
    long long version = 0;
    l->heard++;
    if (json_text_eq(name, "session_removed")) {
        CHECK(e->known);
        e->known = e->version = 0;
        return;
    }
    CHECK(json_int(json_get(data, "version"), &version) && version > 0);
    CHECK_INT(json_text_eq(name, "session_created"), !e->known);
    CHECK_INT(json_text_eq(name, "session_updated"), e->known);
    if (e->known && e->event_at >= 0)
        CHECK(l->all->now - e->event_at >= CACHE_UPDATE_MS);
    e->known = 1;
    e->version = (int)version;
    e->event_at = l->all->now;
}

static void unit_cache_hear(void *ctx, blob *frame)
{
    struct unit_cache_listener *l = ctx;
    struct json event;
    CHECK(l->sub.topics != 0);
    if (json_parse((span){frame->p, frame->n}, &event, NULL, NULL) != PARSE_DONE) {
        CHECK(0);
        return;
    }
    struct json name = json_get(event, "event");
    if (json_text_eq(name, "todos_updated")) {
        CHECK(l->sub.topics & CACHE_PREPARATION);
        l->other++;
    } else {
        CHECK(l->sub.topics & CACHE_SESSIONS);
        unit_cache_hear_session(l, name, json_get(event, "data"));
    }
    if (l->leaves)
        cache_subscribe(&l->all->cache, &l->sub, 0);
    l->leaves = 0;
}

/* A client that comes later starts from the list. */
static void unit_cache_join(struct unit_cache *all, struct unit_cache_listener *l, unsigned topics)
{
    memcpy(l->copy, all->model, sizeof l->copy);
    for (int i = 0; i < UNIT_CACHE_IDS; i++) {
        l->copy[i].known = l->copy[i].version > 0;
        l->copy[i].event_at = -1;
    }
    l->sub.send = unit_cache_hear;
    l->sub.ctx = l;
    l->all = all;
    cache_subscribe(&all->cache, &l->sub, topics);
}

/* The list as the model has it, in the order in which sessions came; of one computer, or of all. */
static void unit_cache_model_list(const struct unit_cache *all, const char *computer, buf *b)
{
    unsigned after = 0;
    buf_byte(b, '[');
    for (;;) {
        int next = -1;
        for (int i = 0; i < UNIT_CACHE_IDS; i++) {
            const struct unit_cache_entry *e = &all->model[i];
            if (e->version && e->place > after && (next < 0 || e->place < all->model[next].place))
                next = i;
        }
        if (next < 0)
            break;
        after = all->model[next].place;
        if (computer && strcmp(computer, unit_cache_computer(next)) != 0)
            continue;
        if (b->p[b->n - 1] != '[')
            buf_byte(b, ',');
        unit_cache_put_object(b, next, all->model[next].version);
    }
    buf_byte(b, ']');
}

static void unit_cache_compare_lists(struct unit_cache *all)
{
    buf want = {0}, got = {0};
    blob *list = cache_list(&all->cache);
    unit_cache_model_list(all, NULL, &want);
    CHECK_SPAN(((span){list->p, list->n}), buf_cstr(&want));
    CHECK(cache_list(&all->cache) == list); /* made once */
    static const char *const computers[] = {NULL, "here", "there", "elsewhere"};
    for (size_t i = 0; i < COUNT_OF(computers); i++) {
        buf_clear(&want);
        buf_clear(&got);
        buf_str(&got, "\"all\":");
        unit_cache_model_list(all, computers[i], &want);
        cache_put_list(&all->cache, computers[i], &got);
        CHECK_SPAN(span_sub(buf_view(&got), 6), buf_cstr(&want));
    }
    buf_free(&want);
    buf_free(&got);
}

static void unit_cache_compare(struct unit_cache *all)
{
    size_t count = 0;
    for (int i = 0; i < UNIT_CACHE_IDS; i++) {
        char id[16];
        snprintf(id, sizeof id, "s%d", i);
        const struct cache_session *s = cache_find(&all->cache, id);
        CHECK_INT(s != NULL, all->model[i].version > 0);
        if (s)
            CHECK(strcmp(s->id, id) == 0 && strcmp(s->computer, unit_cache_computer(i)) == 0);
        count += s != NULL;
    }
    CHECK_INT(all->cache.count, count);
    unit_cache_compare_lists(all);
}

/* What a listener knows is what there is, once nothing waits. */
static void unit_cache_settle(struct unit_cache *all)
{
    all->now += CACHE_UPDATE_MS;
    CHECK_INT(cache_flush(&all->cache, all->now), -1);
    CHECK(all->cache.dirty_first == NULL);
    for (int l = 0; l < UNIT_CACHE_SUBSCRIBERS; l++)
        for (int i = 0; (all->listeners[l].sub.topics & CACHE_SESSIONS) && i < UNIT_CACHE_IDS; i++)
            CHECK_INT(all->listeners[l].copy[i].version, all->model[i].version);
}

static void unit_cache_act(struct unit_cache *all)
{
    int i = (int)unit_cache_random(all, UNIT_CACHE_IDS);
    struct unit_cache_entry *e = &all->model[i];
    buf object = {0};
    char id[16];
    snprintf(id, sizeof id, "s%d", i);
    if (unit_cache_random(all, 5) == 0) {
        cache_remove(&all->cache, id);
        e->version = 0;
        return;
    }
    if (!e->version) {
        e->place = ++all->came;
        e->version = 1;
    } else {
        e->version += unit_cache_random(all, 4) != 0; /* the same again is nothing */
    }
    unit_cache_put_object(&object, i, e->version);
    unit_cache_put(&all->cache, id, unit_cache_computer(i), buf_cstr(&object), all->now);
    memset(object.p, 'x', object.n); /* the cache has its own copy */
    buf_free(&object);
}

static void unit_cache_come_and_go(struct unit_cache *all)
{
    struct unit_cache_listener *l =
        &all->listeners[1 + unit_cache_random(all, UNIT_CACHE_SUBSCRIBERS - 1)];
    if (!l->sub.topics)
        unit_cache_join(all, l, 1 + unit_cache_random(all, 3));
    else if (unit_cache_random(all, 2))
        cache_subscribe(&all->cache, &l->sub, 0);
    else
        l->leaves = 1;
}

/* The first listener stays from the start to the end; the others come and go. */
static void unit_cache_model(uint32_t seed)
{
    static struct unit_cache all;
    all = (struct unit_cache){.seed = seed, .now = seed % 2 ? 0 : 1000};
    cache_init(&all.cache, unit_cache_encode);
    unit_cache_compare(&all);
    unit_cache_join(&all, &all.listeners[0], CACHE_SESSIONS);
    for (int step = 0; step < 3000; step++) {
        unit_cache_act(&all);
        all.now += unit_cache_random(&all, 8) == 0 ? unit_cache_random(&all, 60) : 0;
        if (unit_cache_random(&all, 20) == 0) {
            long long next = cache_flush(&all.cache, all.now);
            CHECK(next == -1 ? all.cache.dirty_first == NULL
                             : next > all.now && next <= all.now + CACHE_UPDATE_MS);
        }
        if (unit_cache_random(&all, 30) == 0)
            unit_cache_come_and_go(&all);
        if (unit_cache_random(&all, 30) == 0)
            cache_publish(&all.cache, CACHE_PREPARATION,
                          span_of("{\"event\":\"todos_updated\",\"data\":[]}"));
        if (step % 50 == 0)
            unit_cache_compare(&all);
        if (step % 100 == 0)
            unit_cache_settle(&all);
    }
    unit_cache_settle(&all);
    CHECK(all.listeners[0].heard > 500 && all.cache.events_coalesced > 100);
    CHECK(all.listeners[1].other + all.listeners[2].other + all.listeners[3].other > 0);
    CHECK_INT(all.listeners[0].other, 0);
    cache_free(&all.cache);
    for (int l = 0; l < UNIT_CACHE_SUBSCRIBERS; l++)
        CHECK_INT(all.listeners[l].sub.topics, 0);
}

static void unit_cache_times(void)
{
    static struct unit_cache all;
    test_begin("an event goes out at once, or CACHE_UPDATE_MS after the last one");
    all = (struct unit_cache){.now = 5000};
    cache_init(&all.cache, unit_cache_encode);
    unit_cache_encoded = 0;
    unit_cache_put(&all.cache, "s0", "here", "{\"session_id\":\"s0\",\"version\":1}", 5000);
    CHECK_INT(unit_cache_encoded, 0); /* nobody listens */
    all.model[0].version = 1;
    for (int i = 0; i < 3; i++)
        unit_cache_join(&all, &all.listeners[i], CACHE_SESSIONS | CACHE_PREPARATION);
    all.now = 5000 + CACHE_UPDATE_MS;
    unit_cache_put(&all.cache, "s0", "here", "{\"session_id\":\"s0\",\"version\":1}", all.now);
    CHECK_INT(unit_cache_encoded, 0); /* nothing has changed */
    unit_cache_put(&all.cache, "s0", "here", "{\"session_id\":\"s0\",\"version\":2}", all.now);
    CHECK_INT(unit_cache_encoded, 1); /* at once, and encoded once for three */
    CHECK(all.listeners[0].heard == 1 && all.listeners[1].heard == 1 &&
          all.listeners[2].heard == 1);
    CHECK_INT(all.cache.events_sent, 3);
    long long due = all.now + CACHE_UPDATE_MS;
    all.now++;
    unit_cache_put(&all.cache, "s0", "here", "{\"session_id\":\"s0\",\"version\":3}", all.now);
    unit_cache_put(&all.cache, "s0", "here", "{\"session_id\":\"s0\",\"version\":4}", all.now);
    CHECK_INT(unit_cache_encoded, 1);
    CHECK_INT(all.cache.events_coalesced, 1);
    CHECK_INT(cache_flush(&all.cache, all.now), due);
    CHECK_INT(cache_flush(&all.cache, due - 1), due);
    CHECK_INT(unit_cache_encoded, 1);
    all.now = due;
    CHECK_INT(cache_flush(&all.cache, due), -1);
    CHECK_INT(unit_cache_encoded, 2);
    CHECK_INT(all.listeners[0].copy[0].version, 4);
    CHECK_INT(cache_flush(&all.cache, due + 1000), -1);
    CHECK_INT(unit_cache_encoded, 2);
    /* What waits for a session that is removed never comes; removing is told at once. */
    unit_cache_put(&all.cache, "s0", "here", "{\"session_id\":\"s0\",\"version\":5}", all.now);
    cache_remove(&all.cache, "s0");
    cache_remove(&all.cache, "s0");
    cache_remove(&all.cache, "nobody");
    CHECK_INT(unit_cache_encoded, 3);
    CHECK_INT(all.listeners[0].copy[0].known, 0);
    CHECK_INT(cache_flush(&all.cache, all.now + 1000), -1);
    CHECK_INT(unit_cache_encoded, 3);
    CHECK(all.cache.sessions && all.cache.count == 0);
    /* A list that somebody still holds stays as it was. */
    unit_cache_put(&all.cache, "s1", "here", "{\"session_id\":\"s1\",\"version\":1}", all.now);
    blob *list = blob_ref(cache_list(&all.cache));
    cache_remove(&all.cache, "s1");
    CHECK_SPAN(((span){list->p, list->n}), "[{\"session_id\":\"s1\",\"version\":1}]");
    blob_drop(list);
    list = cache_list(&all.cache);
    CHECK_SPAN(((span){list->p, list->n}), "[]");
    cache_free(&all.cache);
}

static void unit_cache_on_interest(void *ctx, unsigned topics)
{
    buf_fmt(ctx, "%u ", topics);
}

static void unit_cache_interest(void)
{
    test_begin("the owner hears of a topic's first subscriber and of its last one");
    struct cache c;
    struct cache_subscriber a = {0}, b = {0};
    buf told = {0};
    cache_init(&c, unit_cache_encode);
    c.on_interest = unit_cache_on_interest;
    c.interest_ctx = &told;
    cache_subscribe(&c, &a, CACHE_SESSIONS);
    cache_subscribe(&c, &b, CACHE_SESSIONS | CACHE_PREPARATION);
    cache_subscribe(&c, &a, 0);
    cache_subscribe(&c, &a, 0);
    cache_subscribe(&c, &b, CACHE_PREPARATION);
    cache_free(&c); /* takes out who is left */
    CHECK_SPAN(buf_view(&told), "1 3 2 0 ");
    buf_free(&told);
}

static void unit_cache_on_session(void *ctx, struct cache_session *s, int removed)
{
    buf_fmt(ctx, "%s%s ", removed ? "-" : "", s->id);
}

static void unit_cache_sessions_told(void)
{
    test_begin("the owner hears of every event that is due, without a subscriber, too");
    struct cache c;
    buf told = {0};
    cache_init(&c, unit_cache_encode);
    c.on_session = unit_cache_on_session;
    c.session_ctx = &told;
    unit_cache_put(&c, "a", "here", "{\"x\":1}", 1000);
    unit_cache_put(&c, "b", "there", "{\"x\":1}", 1000);
    CHECK_SPAN(buf_view(&told), "a b ");
    unit_cache_put(&c, "a", "here", "{\"x\":2}", 1001);
    unit_cache_put(&c, "a", "here", "{\"x\":3}", 1002);
    CHECK_SPAN(buf_view(&told), "a b ");
    cache_flush(&c, 1000 + CACHE_UPDATE_MS);
    CHECK_SPAN(buf_view(&told), "a b a ");
    cache_remove(&c, "a");
    cache_remove(&c, "nobody");
    CHECK_SPAN(buf_view(&told), "a b a -a ");
    CHECK_INT(c.events_sent, 0);
    cache_free(&c);
    buf_free(&told);
}

/* Runs the loop until `events` events went out, or a second has passed. */
static void unit_cache_wait(struct cache *c, struct loop *l, const int *events, int wanted)
{
    long long end = clock_mono_ms() + 1000;
    while (*events < wanted && c->flush_timer.slot && clock_mono_ms() < end)
        loop_once(l);
}

static void unit_cache_count(void *ctx, struct cache_session *s, int removed)
{
    (void)s, (void)removed;
    ++*(int *)ctx;
}

static void unit_cache_loop(void)
{
    struct cache c;
    struct loop l;
    int events = 0;
    loop_init(&l);
    cache_init(&c, unit_cache_encode);
    cache_use_loop(&c, &l);
    c.on_session = unit_cache_count;
    c.session_ctx = &events;
    test_begin("the loop sends the last of many updates, and then sleeps");
    long long start = l.now;
    unit_cache_put(&c, "a", "here", "{\"x\":1}", l.now);
    CHECK_INT(c.flush_timer.slot, 0); /* sent at once */
    unit_cache_put(&c, "a", "here", "{\"x\":2}", l.now);
    unit_cache_put(&c, "a", "here", "{\"x\":3}", l.now);
    CHECK_INT(events, 1);
    unit_cache_wait(&c, &l, &events, 2);
    CHECK_INT(events, 2);
    CHECK(l.now >= start + CACHE_UPDATE_MS);
    CHECK_INT(c.flush_timer.slot, 0);
    test_begin("an update that comes while another is pending has a time of its own");
    unit_cache_put(&c, "a", "here", "{\"x\":4}", l.now);
    CHECK(c.flush_timer.slot != 0);
    unit_cache_put(&c, "b", "here", "{}", l.now + CACHE_UPDATE_MS / 2);
    unit_cache_put(&c, "b", "here", "{\"x\":1}", l.now + CACHE_UPDATE_MS / 2);
    CHECK_INT(events, 3);
    unit_cache_wait(&c, &l, &events, 4);
    CHECK_INT(events, 4);
    CHECK(c.flush_timer.slot != 0);
    unit_cache_wait(&c, &l, &events, 5);
    CHECK_INT(events, 5);
    test_begin("a cache that is freed leaves no timer in the loop");
    unit_cache_put(&c, "a", "here", "{\"x\":5}", l.now);
    unit_cache_put(&c, "a", "here", "{\"x\":6}", l.now);
    c.on_session = NULL;
    cache_free(&c);
    CHECK_INT(l.timer_count, 0);
    loop_free(&l);
}

static void unit_cache_data(void)
{
    struct cache c;
    cache_init(&c, unit_cache_encode);
    test_begin("each user of the cache has zeroed bytes of its own in every session");
    size_t one = cache_reserve(&c, 1), many = cache_reserve(&c, sizeof(long long) * 3);
    size_t last = cache_reserve(&c, sizeof(void *));
    CHECK(many >= one + 1 && many % sizeof(void *) == 0);
    CHECK(last >= many + sizeof(long long) * 3);
    for (int i = 0; i < 40; i++) { /* the cache grows on the way */
        char id[16];
        snprintf(id, sizeof id, "s%d", i);
        unit_cache_put(&c, id, "here", "{}", 1000);
        const struct cache_session *s = cache_find(&c, id);
        CHECK_INT(*(char *)cache_data(s, one), 0);
        CHECK_INT(((long long *)cache_data(s, many))[2], 0);
        CHECK(*(void **)cache_data(s, last) == NULL);
        memset(cache_data(s, many), i + 1, sizeof(long long) * 3);
    }
    for (int i = 0; i < 40; i++) {
        char id[16];
        snprintf(id, sizeof id, "s%d", i);
        const char *data = cache_data(cache_find(&c, id), many);
        CHECK_INT(data[0], i + 1);
        CHECK_INT(data[sizeof(long long) * 3 - 1], i + 1);
        CHECK_INT(*(char *)cache_data(cache_find(&c, id), one), 0);
        CHECK(*(void **)cache_data(cache_find(&c, id), last) == NULL);
    }
    cache_free(&c);
}

static void unit_cache_moves(void)
{
    struct cache c;
    test_begin("a session that comes back moves to its place, over gaps");
    cache_init(&c, unit_cache_encode);
    static const char *const ids[] = {"1", "2", "3", "4", "5"};
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        unit_cache_put(&c, ids[i], "here", ids[i], 0);
    cache_remove(&c, "2");
    cache_remove(&c, "4");
    unit_cache_put(&c, "2", "here", "2", 0);
    cache_move_before(&c, cache_find(&c, "2"), cache_find(&c, "3"));
    blob *list = cache_list(&c);
    CHECK_SPAN(((span){list->p, list->n}), "[1,2,3,5]");
    cache_remove(&c, "3");
    list = cache_list(&c);
    CHECK_SPAN(((span){list->p, list->n}), "[1,2,5]");
    cache_free(&c);
}

static void unit_cache(void)
{
    unit_cache_moves();
    unit_cache_sessions_told();
    unit_cache_interest();
    unit_cache_loop();
    unit_cache_data();
    unit_cache_times();
    test_begin("subscribers that come and go hear of every last state, and the list is right");
    for (uint32_t seed = 1; seed <= 6; seed++)
        unit_cache_model(seed);
}
