/* peers - the other computers of the fleet: protocol.md section 3, the live part.
 *
 * Without local subscribers there are only heartbeats. When a topic gains interest, in this order
 * on one connection: the end of our event stream is noted, the heartbeat says what we want, all
 * others are asked for what they have. So every event that is not in an answer is read after it,
 * and of two states of a session the one that Redis took later counts, unless it says itself that
 * it is older.
 *
 * What peers do to sessions here is handed to hooks; what they say is put into the cache, which
 * tells the local clients. Only events of this computer's own sessions are sent, and only those of
 * the sender's own are taken: nothing is passed on. */

#define PEERS_PRESENCE "telec:presence"
#define PEERS_EVENTS_KEPT 100 /* the same of events */
/* as many at once, and some may have been cut off: everything is asked for anew */
#define PEERS_EVENTS_SUSPECT (PEERS_EVENTS_KEPT - 10)
#define PEERS_REPULL_MS 5000 /* at most so often for that reason */
#define PEERS_FAILURES_MAX 3           /* and as often when there is no usable answer */
#define PEERS_FLYING_MAX 512 /* events without an answer; past it they wait */
#define PEERS_CURSOR_MS 1000 /* until a cursor that can wait is written */
#define PEERS_CURSOR_FILE "requests.cursor"
#define PEERS_LOST_MAX 256         /* removals remembered while there is no connection */
#define PEERS_TEXT_MAX (16 * 1024) /* bytes of a heartbeat */
#define PEERS_PAGES_MAX 100000     /* of one SCAN */
#define PEERS_LOOK_MS 200          /* between two looks at keys of those who speak */
#define PEERS_FRESH_MS 300000      /* projects and todos are asked for again after this */
#define PEERS_FLUSH_GRAIN_MS 5

#define PEERS_EVENTS_KEY "session_events:"

/* ---- the table ------------------------------------------------------------------------------ */

static struct peers_peer **peers_bucket(struct peers *p, span name)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.p[i]) * 16777619u;
    return &p->buckets[h % PEERS_BUCKETS];
}

static struct peers_peer *peers_find(const struct peers *p, span computer)
{
    struct peers_peer *peer = p->link.on ? *peers_bucket((struct peers *)p, computer) : NULL;
    while (peer && !span_eq(computer, peer->beat.name))
        peer = peer->next_same;
    return peer;
}

static void peers_put_peer(const struct peers_peer *peer, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "name", peer->beat.name);
    json_field_string(b, "status", peer->stale ? "stale" : "online");
    json_field_string(b, "user", peer->beat.user[0] ? peer->beat.user : NULL);
    json_field_string(b, "host", peer->beat.host[0] ? peer->beat.host : NULL);
    json_field_string(b, "telec", peer->beat.telec[0] ? peer->beat.telec : NULL);
    json_close(b, '}');
}

static void peers_put_self(const struct peers *p, buf *b)
{
    const struct config *c = p->config;
    json_open(b, '{');
    json_field_string(b, "name", c->computer);
    json_field_string(b, "status", "online");
    json_field_string(b, "user", config_user(c));
    json_field_string(b, "host", c->host);
    if (p->link.on)
        json_field_string(b, "redis", p->link.ready ? "ready" : "reconnecting");
    if (p->clash_at)
        json_field_string(b, "warning", "another computer has the same name");
    json_close(b, '}');
}

static void peers_put_computers(const struct peers *p, buf *b)
{
    peers_put_self(p, b);
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        peers_put_peer(peer, b);
}

/* An event whose data was made by `put`, or is the one member given. */
static void peers_publish(struct peers *p, unsigned topics, const char *event, span data)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "event", event);
    json_key(&b, "data");
    json_put_raw(&b, data);
    json_close(&b, '}');
    cache_publish(p->cache, topics, buf_view(&b));
    buf_free(&b);
}

static void peers_publish_peer(struct peers_peer *peer)
{
    buf b = {0};
    peers_put_peer(peer, &b);
    peers_publish(peer->peers, CACHE_SESSIONS | CACHE_PREPARATION, "computer_updated",
                  buf_view(&b));
    buf_free(&b);
}

static void peers_publish_self(struct peers *p)
{
    buf b = {0};
    peers_put_self(p, &b);
    peers_publish(p, CACHE_SESSIONS | CACHE_PREPARATION, "computer_updated", buf_view(&b));
    buf_free(&b);
}

/* What it was asked before is not answered any more, or is not waited for. */
static void peers_begin_life(struct peers_peer *peer)
{
    peer->life = ++peer->peers->lives;
    peer->pulling = peer->pull_again = peer->preparing = 0;
}

static struct peers_peer *peers_new_peer(struct peers *p, const struct fleet_heartbeat *beat)
{
    struct peers_peer *peer = base_alloc(sizeof *peer);
    struct peers_peer **bucket = peers_bucket(p, span_of(beat->name));
    peer->peers = p;
    peer->beat = *beat;
    peer->beat_at = p->loop->now;
    peers_begin_life(peer);
    peer->next_same = *bucket;
    *bucket = peer;
    peer->link = p->last;
    *p->last = peer;
    p->last = &peer->next;
    p->count++;
    log_line(LOG_INFO, "computer %s is there", beat->name);
    return peer;
}

static void peers_free_projects(struct peers_peer *peer)
{
    for (int i = 0; i < peer->project_count; i++) {
        struct peers_project *project = &peer->projects[i];
        free(project->path), free(project->name), free(project->description), free(project->todos);
    }
    free(peer->projects);
    peer->projects = NULL;
    peer->project_count = 0;
}

static void peers_free_peer(struct peers_peer *peer)
{
    struct peers *p = peer->peers;
    struct peers_peer **at = peers_bucket(p, span_of(peer->beat.name));
    while (*at != peer)
        at = &(*at)->next_same;
    *at = peer->next_same;
    *peer->link = peer->next;
    if (peer->next)
        peer->next->link = peer->link;
    else
        p->last = peer->link;
    p->count--;
    peers_free_projects(peer);
    buf_free(&peer->text);
    free(peer);
}

/* id: a session; NULL: the computer. */
static void peers_tell_gone(struct peers *p, const char *computer, const char *id, const char *why)
{
    if (p->on_gone)
        p->on_gone(p->gone_ctx, computer, id, why);
}

/* It has gone, and what it had with it. */
static void peers_remove_peer(struct peers_peer *peer)
{
    struct peers *p = peer->peers;
    buf b = {0};
    for (size_t i = 0; i < p->cache->places; i++) {
        const struct cache_session *s = p->cache->sessions[i];
        if (s && strcmp(s->computer, peer->beat.name) == 0)
            cache_remove(p->cache, s->id);
    }
    log_line(LOG_INFO, "computer %s has gone", peer->beat.name);
    peers_tell_gone(p, peer->beat.name, NULL, "the computer has gone");
    json_open(&b, '{');
    json_field_string(&b, "name", peer->beat.name);
    json_close(&b, '}');
    peers_free_peer(peer);
    peers_publish(p, CACHE_SESSIONS | CACHE_PREPARATION, "computer_removed", buf_view(&b));
    buf_free(&b);
}

/* ---- sessions of others --------------------------------------------------------------------- */

static void peers_flush(void *ctx)
{
    struct peers *p = ctx;
    long long next = cache_flush(p->cache, p->loop->now);
    if (next >= 0)
        loop_timer_set(p->loop, &p->flush_timer, next + PEERS_FLUSH_GRAIN_MS);
}

/* Was it removed after Redis took what says that it is there? */
static int peers_was_removed(const struct peers_peer *peer, const char *id, struct fleet_id at)
{
    for (int i = 0; i < PEERS_REMOVED_MAX; i++)
        if (strcmp(peer->removed[i].id, id) == 0 && fleet_compare_ids(peer->removed[i].at, at) > 0)
            return 1;
    return 0;
}

static struct fleet_id peers_stamp(const struct cache_session *s)
{
    return (struct fleet_id){s->order[0], s->order[1]};
}

/* What peer says of its session, as Redis took it at `at`, into the cache, unless what is known is
 * newer. listed: it is in the list of all that it has, which is to be believed over events. 0: not
 * taken. */
static int peers_take_session(struct peers_peer *peer, const struct fleet_session *told,
                              struct fleet_id at, int listed)
{
    struct peers *p = peer->peers;
    struct cache_session *s = cache_find(p->cache, told->id);
    buf object = {0};
    if (s && strcmp(s->computer, peer->beat.name) != 0) {
        struct peers_peer *other = peers_find(p, span_of(s->computer));
        if (!listed || !other)
            return 0;
        cache_remove(p->cache, told->id);
        s = NULL;
    }
    if (s && (told->activity < s->activity || fleet_compare_ids(at, peers_stamp(s)) < 0))
        return 0;
    if (!s && (peer->sessions >= PEERS_SESSIONS_MAX || peers_was_removed(peer, told->id, at)))
        return 0;
    fleet_put_session(&object, told->object, peer->beat.name);
    span json = buf_view(&object);
    peer->sessions += s == NULL;
    s = cache_put(p->cache, told->id, peer->beat.name, &json, 1, p->loop->now);
    buf_free(&object);
    s->activity = told->activity;
    s->order[0] = at.ms;
    s->order[1] = at.seq;
    s->listed = p->listing;
    if (!p->flush_timer.slot)
        peers_flush(p);
    return 1;
}

static void peers_drop_session(struct peers_peer *peer, const char *id)
{
    peers_tell_gone(peer->peers, peer->beat.name, id, "the session has ended");
    cache_remove(peer->peers->cache, id);
}

static void peers_take_removal(struct peers_peer *peer, const char *id, struct fleet_id at)
{
    const struct cache_session *s = cache_find(peer->peers->cache, id);
    int place = peer->removed_next++ % PEERS_REMOVED_MAX;
    snprintf(peer->removed[place].id, sizeof peer->removed[place].id, "%s", id);
    peer->removed[place].at = at;
    peer->removed_next %= PEERS_REMOVED_MAX;
    if (s && strcmp(s->computer, peer->beat.name) == 0 &&
        fleet_compare_ids(at, peers_stamp(s)) >= 0)
        peers_drop_session(peer, id);
}

static void peers_pull_sessions(struct peers_peer *peer);
static void peers_pull_projects(struct peers_peer *peer);
static void peers_on_heartbeats(void *ctx, const struct resp *reply);

/* Of a computer that has just said something: is it there, what is it interested in? */
static void peers_look_at(struct peers *p, span computer)
{
    char *name = span_dup(computer);
    buf key = {0};
    if (fleet_name_is_good(span_of(name)) && strcmp(name, p->config->computer) != 0 &&
        p->loop->now >= p->looked_at + PEERS_LOOK_MS) {
        p->looked_at = p->loop->now;
        fleet_put_key(&key, name);
        const char *const look[] = {"MGET", buf_cstr(&key), NULL};
        link_call(&p->link, look, peers_on_heartbeats, p);
    }
    buf_free(&key);
    free(name);
}

/* Everybody whose events may have been cut off is asked for everything, once the storm is over. */
static void peers_repull(void *ctx)
{
    struct peers *p = ctx;
    for (struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (peer->suspect) {
            peer->suspect = 0;
            if (p->interest & CACHE_SESSIONS)
                peers_pull_sessions(peer);
        }
}

static void peers_suspect(struct peers_peer *peer)
{
    struct peers *p = peer->peers;
    if (peer->suspect)
        return;
    peer->suspect = 1;
    if (!p->pull_timer.slot)
        loop_timer_set(p->loop, &p->pull_timer, p->loop->now + PEERS_REPULL_MS);
}

static void peers_take_event(struct link_stream *s, struct fleet_id id, const struct resp *fields)
{
    struct peers *p = s->owner;
    struct resp_iter it = resp_iter(fields);
    struct resp key, value, payload = {0};
    struct fleet_event event;
    const char *why;
    while (resp_next_pair(&it, &key, &value))
        if (span_eq(key.text, "payload"))
            payload = value;
    if (!fleet_parse_event(payload.text, &event, &why)) {
        link_complain(&p->link, "an event", span_of(event.source), why);
        return;
    }
    struct peers_peer *peer = peers_find(p, span_of(event.source));
    if (!peer) { /* our own name, or a computer that has gone, or that is new */
        peers_look_at(p, span_of(event.source));
        return;
    }
    struct json owner = json_get(event.session.object, "computer");
    peer->events_in++;
    peer->lag_ms = clock_mono_ms() + p->link.clock - (long long)id.ms;
    if (p->link.batch >= PEERS_EVENTS_SUSPECT)
        peers_suspect(peer);
    if (event.removed)
        peers_take_removal(peer, event.session.id, id);
    else if ((owner.type == JSON_STRING && !json_text_eq(owner, peer->beat.name)) ||
             !peers_take_session(peer, &event.session, id, 0))
        peer->dropped++; /* an echo of somebody else's, or old */
}

/* ---- what others have: pulls ---------------------------------------------------------------- */

/* Outlives its peer. */
struct peers_pull {
    struct peers *peers;
    char *computer, *path; /* path: of the project whose todos were asked for; or NULL */
    long long life;        /* of the peer, when it was asked */
};

static void peers_pull_free(struct peers_pull *pull)
{
    free(pull->computer);
    free(pull->path);
    free(pull);
}

/* The peer that was asked; NULL: it has gone, or it is there anew. */
static struct peers_peer *peers_pull_end(struct peers_pull *pull, const struct fleet_answer *answer,
                                         const char *what, const char *why)
{
    struct peers *p = pull->peers;
    struct peers_peer *peer = peers_find(p, span_of(pull->computer));
    if (!answer || !answer->good) {
        char *error = answer ? json_dup_text(answer->error) : NULL;
        link_complain(&p->link, what, span_of(pull->computer),
                      error ? error
                      : why ? why
                            : "an error");
        free(error);
    }
    return peer && peer->life == pull->life ? peer : NULL;
}

static int peers_pull(struct peers_peer *peer, const char *command, const char *path,
                      void (*done)(void *ctx, const struct fleet_answer *answer, struct fleet_id at,
                                   const char *why))
{
    struct peers_pull *pull = base_alloc(sizeof *pull);
    const char *const words[] = {command, path, NULL};
    const char *why;
    buf line = {0};
    *pull = (struct peers_pull){peer->peers, span_dup(span_of(peer->beat.name)),
                                path ? span_dup(span_of(path)) : NULL, peer->life};
    fleet_put_words(&line, words);
    struct fleet_request request = {.command = buf_view(&line)};
    int asked = link_ask(&peer->peers->link, peer->beat.name, &request, done, pull, &why) != NULL;
    if (!asked)
        peers_pull_free(pull);
    buf_free(&line);
    return asked;
}

static void peers_gather_end(struct peers_gather *gather)
{
    if (!gather->link)
        return;
    *gather->link = gather->next;
    if (gather->next)
        gather->next->link = gather->link;
    gather->link = NULL;
    loop_timer_stop(gather->peers->loop, &gather->timer);
}

static void peers_gather_finish(void *ctx)
{
    struct peers_gather *gather = ctx;
    peers_gather_end(gather);
    gather->done(gather->ctx);
}

/* The topics of which it is not known what the peer has, or not kept up to date. */
static unsigned peers_unknown(const struct peers_peer *peer)
{
    unsigned known = 0;
    if (peer->pulled_at)
        known |= CACHE_SESSIONS;
    if (peer->projects_at && !peer->preparing)
        known |= CACHE_PREPARATION;
    return ~(known & peer->peers->interest);
}

static int peers_is_asked_for(const struct peers_peer *peer, const struct peers_gather *gather)
{
    return !gather->computer || strcmp(gather->computer, peer->beat.name) == 0;
}

static int peers_is_pulling(const struct peers *p, const struct peers_gather *gather)
{
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (peers_is_asked_for(peer, gather)) {
            unsigned wanted = gather->topics & peers_unknown(peer);
            if ((wanted & CACHE_SESSIONS && peer->pulling) ||
                (wanted & CACHE_PREPARATION && peer->preparing))
                return 1;
        }
    return 0;
}

/* A pull has ended: who waited for nothing else has waited enough. */
static void peers_end_gathers(struct peers *p)
{
    for (struct peers_gather *gather = p->gathers, *next; gather; gather = next) {
        next = gather->next;
        if (!peers_is_pulling(p, gather))
            peers_gather_finish(gather);
    }
}

/* The answer to list_sessions; NULL: there was none. */
static void peers_take_list(struct peers_peer *peer, const struct fleet_answer *answer,
                            struct fleet_id at)
{
    struct peers *p = peer->peers;
    const char *why;
    peer->pulling = 0;
    if (answer && answer->good && answer->data.type == JSON_ARRAY) {
        p->listing++;
        for (struct json_iter it = json_iter(answer->data); json_next(&it);) {
            struct fleet_session told;
            if (!fleet_parse_session(it.value, &told, &why)) {
                link_complain(&p->link, "a session", span_of(peer->beat.name), why);
                continue;
            }
            peers_take_session(peer, &told, at, 1);
            struct cache_session *s = cache_find(p->cache, told.id);
            if (s)
                s->listed = p->listing;
        }
        for (size_t i = 0; i < p->cache->places; i++) {
            const struct cache_session *s = p->cache->sessions[i];
            if (s && s->listed != p->listing && strcmp(s->computer, peer->beat.name) == 0 &&
                fleet_compare_ids(peers_stamp(s), at) <= 0)
                peers_drop_session(peer, s->id);
        }
        peer->pulled_at = p->loop->now;
        peer->failures = 0;
    } else if (p->link.ready && peer->failures++ < PEERS_FAILURES_MAX) {
        peers_suspect(peer);
    }
    if (peer->pull_again)
        peers_pull_sessions(peer);
}

static void peers_on_sessions(void *ctx, const struct fleet_answer *answer, struct fleet_id at,
                              const char *why)
{
    struct peers_pull *pull = ctx;
    struct peers *p = pull->peers;
    struct peers_peer *peer = peers_pull_end(pull, answer, "list_sessions", why);
    peers_pull_free(pull);
    if (peer)
        peers_take_list(peer, answer, at);
    peers_end_gathers(p);
}

static void peers_pull_sessions(struct peers_peer *peer)
{
    peer->pull_again = peer->pulling;
    if (!peer->pulling)
        peer->pulling = peers_pull(peer, "list_sessions", NULL, peers_on_sessions);
}

static int peers_gather(struct peers *p, struct peers_gather *gather, long long ms)
{
    for (struct peers_peer *peer = p->first; peer && p->link.ready; peer = peer->next) {
        unsigned wanted =
            peers_is_asked_for(peer, gather) ? gather->topics & peers_unknown(peer) : 0;
        if (wanted & CACHE_SESSIONS && !peer->pulling)
            peers_pull_sessions(peer);
        if (wanted & CACHE_PREPARATION && !peer->preparing)
            peers_pull_projects(peer);
    }
    if (!peers_is_pulling(p, gather))
        return 0;
    gather->peers = p;
    gather->timer = (struct loop_timer){.fn = peers_gather_finish, .ctx = gather};
    gather->next = p->gathers;
    gather->link = &p->gathers;
    if (gather->next)
        gather->next->link = &gather->next;
    p->gathers = gather;
    loop_timer_set(p->loop, &gather->timer, p->loop->now + ms);
    return 1;
}

static void peers_put_project(const struct peers_peer *peer, const struct peers_project *project,
                              int with_todos, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "computer", peer->beat.name);
    json_field_string(b, "name", project->name);
    json_field_string(b, "path", project->path);
    json_field_string(b, "description", project->description);
    if (with_todos) {
        json_key(b, "todos");
        json_put_raw(b, span_of(project->todos ? project->todos : "[]"));
    }
    json_close(b, '}');
}

static void peers_put_projects(const struct peers *p, const char *computer, int with_todos, buf *b)
{
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        for (int i = 0; i < peer->project_count; i++)
            if (!computer || strcmp(computer, peer->beat.name) == 0)
                peers_put_project(peer, &peer->projects[i], with_todos, b);
}

static void peers_publish_projects(struct peers_peer *peer)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "computer", peer->beat.name);
    json_key(&b, "projects");
    json_open(&b, '[');
    for (int i = 0; i < peer->project_count; i++)
        peers_put_project(peer, &peer->projects[i], 0, &b);
    json_close(&b, ']');
    json_close(&b, '}');
    peers_publish(peer->peers, CACHE_PREPARATION, "projects_updated", buf_view(&b));
    buf_free(&b);
}

static void peers_on_todos(void *ctx, const struct fleet_answer *answer, struct fleet_id at,
                           const char *why)
{
    struct peers_pull *pull = ctx;
    struct peers *p = pull->peers;
    struct peers_peer *peer = peers_pull_end(pull, answer, "list_todos", why);
    struct peers_project *project = NULL;
    buf b = {0};
    (void)at;
    if (peer)
        peer->preparing--;
    for (int i = 0; peer && i < peer->project_count; i++)
        if (strcmp(peer->projects[i].path, pull->path) == 0)
            project = &peer->projects[i];
    if (project && answer && answer->good && answer->data.type == JSON_ARRAY &&
        answer->data.text.n <= PEERS_TODOS_MAX) {
        free(project->todos);
        project->todos = span_dup(answer->data.text);
        json_open(&b, '{');
        json_field_string(&b, "computer", peer->beat.name);
        json_field_string(&b, "project_path", project->path);
        json_key(&b, "todos");
        json_put_raw(&b, answer->data.text);
        json_close(&b, '}');
        peers_publish(peer->peers, CACHE_PREPARATION, "todos_updated", buf_view(&b));
    }
    buf_free(&b);
    peers_pull_free(pull);
    peers_end_gathers(p);
}

/* A project as it was told; path NULL: of no use. TeleClaude's have desc for description. */
static struct peers_project peers_read_project(struct json object)
{
    struct json description = json_get(object, "description");
    if (description.type != JSON_STRING)
        description = json_get(object, "desc");
    struct peers_project project = {json_dup_text(json_get(object, "path")),
                                    json_dup_text(json_get(object, "name")),
                                    json_dup_text(description), NULL};
    if (project.path && !project.name)
        project.name = span_dup(span_of(project.path));
    if (project.path && !project.description)
        project.description = span_dup(span_of(""));
    if (project.path && object.text.n <= FLEET_SESSION_MAX)
        return project;
    free(project.path), free(project.name), free(project.description);
    return (struct peers_project){0};
}

/* The answer to list_projects; todos are the next question. */
static void peers_take_projects(struct peers_peer *peer, struct json list)
{
    struct peers_project *old = peer->projects;
    int old_count = peer->project_count, cap = 0;
    peer->projects = NULL;
    peer->project_count = 0;
    for (struct json_iter it = json_iter(list);
         json_next(&it) && peer->project_count < PEERS_PROJECTS_MAX;) {
        struct peers_project project = peers_read_project(it.value);
        if (!project.path)
            continue;
        if (peer->project_count == cap) {
            cap = cap ? cap * 2 : 8;
            peer->projects = base_grow(peer->projects, (size_t)cap * sizeof project);
        }
        /* The todos stay until the new ones have come; lists mostly come in the same order. */
        int i = peer->project_count;
        if (i < old_count && strcmp(old[i].path, project.path) == 0) {
            project.todos = old[i].todos;
            old[i].todos = NULL;
        }
        peer->projects[peer->project_count++] = project;
    }
    for (int i = 0; i < old_count; i++)
        free(old[i].path), free(old[i].name), free(old[i].description), free(old[i].todos);
    free(old);
    peer->projects_at = peer->peers->loop->now;
    peers_publish_projects(peer);
    for (int i = 0; i < peer->project_count; i++)
        peer->preparing += peers_pull(peer, "list_todos", peer->projects[i].path, peers_on_todos);
}

static void peers_on_projects(void *ctx, const struct fleet_answer *answer, struct fleet_id at,
                              const char *why)
{
    struct peers_pull *pull = ctx;
    struct peers *p = pull->peers;
    struct peers_peer *peer = peers_pull_end(pull, answer, "list_projects", why);
    (void)at;
    peers_pull_free(pull);
    if (peer)
        peer->preparing--;
    if (peer && answer && answer->good && answer->data.type == JSON_ARRAY)
        peers_take_projects(peer, answer->data);
    peers_end_gathers(p);
}

static void peers_pull_projects(struct peers_peer *peer)
{
    peer->preparing += peers_pull(peer, "list_projects", NULL, peers_on_projects);
}

static void peers_on_info(void *ctx, const struct fleet_answer *answer, struct fleet_id at,
                          const char *why)
{
    struct peers_pull *pull = ctx;
    struct peers_peer *peer = peers_pull_end(pull, answer, "get_computer_info", why);
    (void)at;
    peers_pull_free(pull);
    if (!peer || !answer || !answer->good)
        return;
    char *user = json_dup_text(json_get(answer->data, "user")),
         *host = json_dup_text(json_get(answer->data, "host"));
    if (user && strlen(user) < sizeof peer->user)
        memcpy(peer->user, user, strlen(user) + 1);
    if (host && strlen(host) < sizeof peer->host)
        memcpy(peer->host, host, strlen(host) + 1);
    free(user), free(host);
    snprintf(peer->beat.user, sizeof peer->beat.user, "%s", peer->user);
    snprintf(peer->beat.host, sizeof peer->beat.host, "%s", peer->host);
    peers_publish_peer(peer);
}

/* What there is interest in, of one computer. */
static void peers_pull_all(struct peers_peer *peer, unsigned topics)
{
    if (topics & CACHE_SESSIONS)
        peers_pull_sessions(peer);
    if (topics & CACHE_PREPARATION)
        peers_pull_projects(peer);
    if (topics && !peer->beat.telec[0] && !peer->host[0])
        peers_pull(peer, "get_computer_info", NULL, peers_on_info);
}

static void peers_refresh(struct peers *p)
{
    for (struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (p->link.ready)
            peers_pull_all(peer, p->interest);
}

/* ---- heartbeats ----------------------------------------------------------------------------- */

/* A heartbeat with our name that we did not write. */
static void peers_hear_self(struct peers *p, const struct fleet_heartbeat *h)
{
    if (strncmp(h->instance, p->run, sizeof p->run - 1) == 0)
        return; /* ours, of an earlier connection */
    if (!p->clash_at) {
        p->clash_at = p->loop->now;
        peers_publish_self(p);
        log_line(LOG_ERROR,
                 "another computer (%s) calls itself %s, too: give one of them another "
                 "name ([computer] name)",
                 h->host[0] ? h->host : "host unknown", h->name);
    }
    p->clash_at = p->loop->now;
}

static int peers_is_shown_anew(const struct peers_peer *peer, const struct fleet_heartbeat *h)
{
    return peer->stale || strcmp(peer->beat.user, h->user) != 0 ||
           strcmp(peer->beat.host, h->host) != 0 || strcmp(peer->beat.telec, h->telec) != 0;
}

static void peers_check(struct peers_peer *peer);

/* A heartbeat, read from its key or announced. */
static void peers_hear(struct peers *p, span text)
{
    struct fleet_heartbeat h;
    const char *why;
    if (text.n == p->beat.n && memcmp(text.p, p->beat.p, text.n) == 0)
        return;
    if (text.n > PEERS_TEXT_MAX || !fleet_parse_heartbeat(text, &h, &why)) {
        link_complain(&p->link, "a heartbeat", text, text.n > PEERS_TEXT_MAX ? "too long" : why);
        return;
    }
    if (strcmp(h.name, p->config->computer) == 0) {
        peers_hear_self(p, &h);
        return;
    }
    struct peers_peer *peer = peers_find(p, span_of(h.name));
    if (h.leaving) {
        if (peer)
            peers_remove_peer(peer);
        return;
    }
    if (!peer && p->count >= PEERS_MAX) {
        link_complain(&p->link, "a heartbeat", span_of(h.name), "there are too many computers");
        return;
    }
    int is_new = !peer;
    if (is_new)
        peer = peers_new_peer(p, &h);
    else if (text.n == peer->text.n && memcmp(text.p, peer->text.p, text.n) == 0)
        return;
    if (!h.telec[0]) { /* it does not say who and where it is; it was asked */
        memcpy(h.user, peer->user, sizeof h.user);
        memcpy(h.host, peer->host, sizeof h.host);
    }
    int shown = is_new || peers_is_shown_anew(peer, &h);
    int restarted = !is_new && h.telec[0] && strcmp(peer->beat.instance, h.instance) != 0;
    buf_clear(&peer->text);
    buf_span(&peer->text, text);
    peer->beat = h;
    peer->beat_at = p->loop->now;
    peer->stale = 0;
    if (shown)
        peers_publish_peer(peer);
    if (is_new) /* the key's time to live says how old it is */
        peers_check(peer);
    if (restarted)
        peers_begin_life(peer);
    if (is_new || restarted)
        peers_pull_all(peer, p->interest);
}

/* ---- who is there --------------------------------------------------------------------------- */

struct peers_check {
    struct peers *peers;
    char *computer;
    int there;
};

/* How long its heartbeat is old, by Redis's clock where the key tells. */
static void peers_judge(struct peers_peer *peer, int there, long long ttl)
{
    struct peers *p = peer->peers;
    long long now = p->loop->now, age = now - peer->beat_at, by_key = PEERS_GONE_MS - ttl;
    int was_stale = peer->stale;
    if (there && ttl >= 0 && by_key >= 0)
        peer->beat_at = now - (age = by_key);
    if (!there && age >= PEERS_GONE_MS) {
        peers_remove_peer(peer);
        return;
    }
    peer->stale = age >= PEERS_STALE_MS;
    if (peer->stale != was_stale)
        peers_publish_peer(peer);
}

static void peers_look_late(struct peers *p);

static void peers_on_ttl(void *ctx, const struct resp *reply)
{
    struct peers_check *check = ctx;
    struct peers *p = check->peers;
    struct peers_peer *peer = peers_find(p, span_of(check->computer));
    if (peer)
        peer->checking = 0;
    if (peer && reply && reply->type == RESP_INTEGER)
        peers_judge(peer, check->there, reply->integer);
    free(check->computer);
    free(check);
    peers_look_late(p);
}

static void peers_on_key(void *ctx, const struct resp *reply)
{
    struct peers_check *check = ctx;
    check->there = reply && reply->type == RESP_TEXT;
    if (check->there)
        peers_hear(check->peers, reply->text);
}

static void peers_check(struct peers_peer *peer)
{
    struct peers *p = peer->peers;
    buf key = {0};
    if (peer->checking)
        return;
    struct peers_check *check = base_alloc(sizeof *check);
    *check = (struct peers_check){p, span_dup(span_of(peer->beat.name)), 0};
    fleet_put_key(&key, peer->beat.name);
    const char *const get[] = {"GET", buf_cstr(&key), NULL}, *const ttl[] = {"PTTL", key.p, NULL};
    peer->checking = link_call(&p->link, get, peers_on_key, check) &&
                     link_call(&p->link, ttl, peers_on_ttl, check);
    if (!peer->checking) {
        free(check->computer);
        free(check);
    }
    buf_free(&key);
}

/* Looks at the keys of those that have not been heard for long, and when to look again. */
static void peers_look_late(struct peers *p)
{
    long long next = 0, now = p->loop->now;
    for (struct peers_peer *peer = p->first; peer && p->link.ready; peer = peer->next) {
        long long due = peer->beat_at + (peer->stale ? PEERS_GONE_MS : PEERS_STALE_MS);
        if (due <= now && !peer->checking) {
            peers_check(peer);
            due = now + 5000; /* a key that never expires is looked at now and then */
        }
        next = !next || due < next ? due : next;
    }
    if (next && p->interest)
        loop_timer_set(p->loop, &p->late_timer, next > now ? next : now + 1000);
    else
        loop_timer_stop(p->loop, &p->late_timer);
}

static void peers_on_late(void *ctx)
{
    peers_look_late(ctx);
}

static void peers_on_heartbeats(void *ctx, const struct resp *reply)
{
    struct resp_iter it = resp_iter(reply ? reply : &(struct resp){0});
    struct resp value;
    while (resp_next(&it, &value))
        if (value.type == RESP_TEXT)
            peers_hear(ctx, value.text);
}

static void peers_scan(struct peers *p, const char *cursor);

static void peers_on_scanned(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    struct resp_iter it = resp_iter(reply ? reply : &(struct resp){0});
    struct resp cursor, keys, key;
    buf b = {0};
    size_t count = 0;
    if (!resp_next(&it, &cursor) || !resp_next(&it, &keys) || cursor.type != RESP_TEXT) {
        p->scanning = 0;
        return;
    }
    for (struct resp_iter each = resp_iter(&keys); resp_next(&each, &key);)
        if (fleet_key_name(key.text).n) {
            resp_put_arg(&b, key.text);
            count++;
        }
    if (count) {
        buf command = {0};
        resp_put_command(&command, count + 1);
        resp_put_arg(&command, span_of("MGET"));
        buf_span(&command, buf_view(&b));
        redis_call(&p->link.calls, buf_view(&command), 0, peers_on_heartbeats, p);
        buf_free(&command);
    }
    buf_free(&b);
    char *next = span_dup(cursor.text);
    if (strcmp(next, "0") != 0 && p->scanning < PEERS_PAGES_MAX)
        peers_scan(p, next);
    else
        p->scanning = 0;
    free(next);
}

static void peers_scan(struct peers *p, const char *cursor)
{
    const char *const args[] = {"SCAN", cursor, "MATCH", FLEET_KEYS, "COUNT", "1000", NULL};
    p->scanning = link_call(&p->link, args, peers_on_scanned, p) ? p->scanning + 1 : 0;
}

/* ---- our own heartbeat ---------------------------------------------------------------------- */

/* The key as it was before we write it: somebody else may have written it. */
static void peers_on_own_key(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    struct resp_iter it = resp_iter(reply ? reply : &(struct resp){0});
    struct resp value;
    if (resp_next(&it, &value) && value.type == RESP_TEXT && p->beats > 1)
        peers_hear(p, value.text);
}

static void peers_on_beaten(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    if (!reply || reply->type != RESP_ERROR) {
        p->trouble[0] = '\0';
        return;
    }
    snprintf(p->trouble, sizeof p->trouble, "%.*s",
             (int)(reply->text.n < 100 ? reply->text.n : 100), reply->text.p);
    log_line(LOG_WARN, "Redis refuses the heartbeat: %s", p->trouble);
    if (resp_is_error(reply, "READONLY")) /* the address may lead to another server by now */
        redis_restart(&p->link.calls);
}

static void peers_beat(struct peers *p)
{
    buf key = {0}, old = p->beat;
    p->self.interest = p->interest;
    p->self.leaving = p->leaving;
    p->announced = p->interest;
    p->beat = (buf){0};
    fleet_put_heartbeat(&p->beat, &p->self, clock_wall_ms());
    buf_free(&old);
    fleet_put_key(&key, p->config->computer);
    const char *text = buf_cstr(&p->beat);
    const char *const look[] = {"MGET", buf_cstr(&key), NULL};
    const char *const set[] = {"SETEX", key.p, "60", text, NULL};
    const char *const drop[] = {"DEL", key.p, NULL};
    const char *const publish[] = {"PUBLISH", PEERS_PRESENCE, text, NULL};
    p->beats++;
    if (p->leaving) {
        link_call(&p->link, drop, NULL, NULL);
    } else {
        link_call(&p->link, look, peers_on_own_key, p);
        link_call(&p->link, set, peers_on_beaten, p);
        loop_timer_set(p->loop, &p->beat_timer, p->loop->now + PEERS_BEAT_MS);
    }
    link_call(&p->link, publish, NULL, NULL);
    buf_free(&key);
}

static int peers_has_foreign(const struct peers *p)
{
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (!peer->beat.telec[0])
            return 1;
    return 0;
}

static int peers_is_heard_abroad(const struct peers *p)
{
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (!peer->beat.telec[0] && (peer->beat.interest & CACHE_SESSIONS))
            return 1;
    return 0;
}

static int peers_must_be_asked(const struct peers *p, const char *computer)
{
    const struct peers_peer *peer = peers_find(p, span_of(computer));
    return peer && p->link.ready && (peers_unknown(peer) & CACHE_SESSIONS);
}

static void peers_on_requests_end(void *ctx, const struct resp *reply);
static void peers_on_events_end(void *ctx, const struct resp *reply);

/* Every 30 s. Those that are telec announce themselves: the keys are looked for only when somebody
 * here wants to know, or when there is a TeleClaude daemon, whose interest shows there alone. */
static void peers_on_beat(void *ctx)
{
    struct peers *p = ctx;
    if (!p->link.ready)
        return;
    if (p->clash_at && p->loop->now > p->clash_at + 3 * PEERS_BEAT_MS) {
        p->clash_at = 0;
        peers_publish_self(p);
    }
    peers_beat(p);
    if (!p->messages.link)
        link_find_end(&p->link, p->messages.key, peers_on_requests_end, p);
    if ((p->interest & CACHE_SESSIONS) && !p->events.link)
        link_find_end(&p->link, p->events.key, peers_on_events_end, p);
    if ((p->interest || peers_has_foreign(p)) && !p->scanning)
        peers_scan(p, "0");
    peers_look_late(p);
    for (struct peers_peer *peer = p->first; peer; peer = peer->next) {
        if ((p->interest & CACHE_SESSIONS) && !peer->pulled_at)
            peers_pull_sessions(peer);
        if ((p->interest & CACHE_PREPARATION) && p->loop->now > peer->projects_at + PEERS_FRESH_MS)
            peers_pull_projects(peer);
    }
}

/* ---- our own events ------------------------------------------------------------------------- */

static void peers_send_held(struct peers *p);

static void peers_on_event_sent(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    p->flying--;
    if (reply && reply->type == RESP_ERROR)
        link_complain(&p->link, "an event", reply->text, "was not taken by Redis");
    if (p->held && p->link.ready && p->flying < PEERS_FLYING_MAX / 4)
        peers_send_held(p);
}

/* To everybody who wants to know; foreign: only to TeleClaude's. */
static void peers_send_event(struct peers *p, const char *name, span data, int foreign)
{
    char most[16];
    buf payload = {0};
    snprintf(most, sizeof most, "%d", PEERS_EVENTS_KEPT);
    for (struct peers_peer *peer = p->first; peer; peer = peer->next) {
        if (!(peer->beat.interest & CACHE_SESSIONS) || (foreign && peer->beat.telec[0]))
            continue;
        if (!payload.n)
            fleet_put_event(&payload, name, data, clock_wall_ms(), p->config->computer);
        char *key = link_key(PEERS_EVENTS_KEY, peer->beat.name);
        const span args[] = {span_of("XADD"), span_of(key), span_of("MAXLEN"),  span_of("~"),
                             span_of(most),   span_of("*"), span_of("payload"), buf_view(&payload)};
        int sent = link_send(&p->link.calls, args, COUNT_OF(args), 0, peers_on_event_sent, p);
        p->flying += sent != 0;
        peer->events_out += sent != 0;
        peer->dropped += !sent;
        free(key);
    }
    buf_free(&payload);
}

static void peers_send_session(struct peers *p, struct cache_session *s, int foreign)
{
    s->held = 0;
    peers_send_event(p, "session_updated", buf_view(&s->json), foreign);
}

static void peers_send_removal(struct peers *p, const char *id, int foreign)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "session_id", id);
    json_close(&b, '}');
    peers_send_event(p, "session_removed", buf_view(&b), foreign);
    buf_free(&b);
}

static void peers_send_held(struct peers *p)
{
    p->held = 0;
    for (size_t i = 0; i < p->cache->places; i++) {
        struct cache_session *s = p->cache->sessions[i];
        if (!s || !s->held)
            continue;
        if (p->flying > PEERS_FLYING_MAX) {
            p->held = 1;
            return;
        }
        peers_send_session(p, s, 0);
    }
}

/* The cache tells when a session's event is due; see cache.on_session. */
static void peers_on_session(void *ctx, struct cache_session *s, int removed)
{
    struct peers *p = ctx;
    if (strcmp(s->computer, p->config->computer) != 0) {
        struct peers_peer *peer = removed ? peers_find(p, span_of(s->computer)) : NULL;
        if (peer)
            peer->sessions--;
        return;
    }
    if (removed && !p->link.ready && p->lost_count < PEERS_LOST_MAX) {
        p->lost = base_grow(p->lost, PEERS_LOST_MAX * sizeof *p->lost);
        snprintf(p->lost[p->lost_count++], sizeof *p->lost, "%s", s->id);
    }
    if (!p->link.ready)
        return; /* everything is told when it is back */
    if (removed) {
        peers_send_removal(p, s->id, 0);
    } else if (p->flying > PEERS_FLYING_MAX) {
        for (struct peers_peer *peer = p->first; s->held && peer; peer = peer->next)
            peer->coalesced += (peer->beat.interest & CACHE_SESSIONS) != 0;
        s->held = p->held = 1;
    } else {
        peers_send_session(p, s, 0);
    }
    if (!removed)
        p->hooks->on_activity(p->hooks_ctx, s->id);
}

/* To TeleClaude's, which do not notice that we were away: everything, as far as it fits. */
static void peers_send_all(struct peers *p)
{
    size_t left = PEERS_EVENTS_KEPT;
    for (size_t i = 0; i < p->lost_count && left; i++, left--)
        peers_send_removal(p, p->lost[i], 1);
    p->lost_count = 0;
    for (size_t i = 0; i < p->cache->places && left; i++) {
        struct cache_session *s = p->cache->sessions[i];
        if (s && strcmp(s->computer, p->config->computer) == 0) {
            peers_send_session(p, s, 1);
            left--;
        }
    }
}

/* ---- requests to us ------------------------------------------------------------------------- */

/* "ID NAME": the last request handled, and whose stream that was. */
static int peers_write_cursor(struct peers *p)
{
    buf b = {0};
    fleet_put_id(&b, p->messages.at);
    buf_byte(&b, ' ');
    buf_str(&b, p->config->computer);
    int status = store_write(p->config->state, PEERS_CURSOR_FILE, buf_view(&b));
    if (status != 0)
        log_line(LOG_ERROR, "cannot write %s/%s: %s", p->config->state, PEERS_CURSOR_FILE,
                 strerror(errno));
    buf_free(&b);
    loop_timer_stop(p->loop, &p->cursor_timer);
    return status;
}

static void peers_on_cursor_due(void *ctx)
{
    peers_write_cursor(ctx);
}

static void peers_read_cursor(struct peers *p)
{
    buf b = {0};
    if (store_read(p->config->state, PEERS_CURSOR_FILE, &b) == 0) {
        span rest = buf_view(&b), id = span_cut(&rest, ' ');
        p->cursor_known = fleet_parse_id(id, &p->messages.at) && span_eq(rest, p->config->computer);
    }
    if (!p->cursor_known)
        p->messages.at = (struct fleet_id){0};
    buf_free(&b);
}

static void peers_take_request(struct link_stream *s, struct fleet_id id, const struct resp *fields)
{
    struct peers *p = s->owner;
    struct peers_request request = {.id = id};
    struct resp_iter it = resp_iter(fields);
    struct resp key, value;
    while (resp_next_pair(&it, &key, &value))
        fleet_take_field(&request.fields, key.text, value.text);
    if (p->hooks->changes(p->hooks_ctx, &request)) {
        if (peers_write_cursor(p) != 0) { /* it might be done twice: rather not at all */
            buf b = {0};
            fleet_put_error(&b, "the request can't be noted as handled: see that computer's log",
                            "CURSOR");
            link_answer(&p->link, id, buf_view(&b));
            buf_free(&b);
            return;
        }
    } else if (!p->cursor_timer.slot) {
        loop_timer_set(p->loop, &p->cursor_timer, p->loop->now + PEERS_CURSOR_MS);
    }
    /* A TeleClaude daemon asks when its interest begins: its heartbeat has changed. */
    struct peers_peer *peer = peers_find(p, request.fields.initiator);
    if (!peer || !peer->beat.telec[0])
        peers_look_at(p, request.fields.initiator);
    p->hooks->on_request(p->hooks_ctx, &request);
}

/* Where the stream ends. At the first start of all, nothing that stands there is ours to do; a
 * stream that ends before our cursor is another one, of which nobody knows what was done; and an
 * empty one goes on from our cursor, unless that is in the future there. What Redis refuses now is
 * tried again with the next heartbeat: the cursor must not suffer. */
static void peers_on_requests_end(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    long long there = clock_mono_ms() + p->link.clock;
    if (reply && reply->type == RESP_ERROR)
        link_complain(&p->link, "the stream of requests", reply->text, "is refused");
    if (!reply || reply->type == RESP_ERROR || p->messages.link)
        return;
    struct fleet_id last = link_last_id(reply);
    if (reply->count == 0 && p->cursor_known)
        last = (struct fleet_id){(unsigned long long)there, 0};
    if (!p->cursor_known || fleet_compare_ids(last, p->messages.at) < 0) {
        p->messages.at = last;
        p->cursor_known = peers_write_cursor(p) == 0;
    }
    link_stream_open(&p->link, &p->messages);
}

/* ---- interest ------------------------------------------------------------------------------- */

static void peers_on_events_end(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    if (reply && reply->type == RESP_ERROR)
        link_complain(&p->link, "the stream of events", reply->text, "is refused");
    if (!reply || reply->type == RESP_ERROR || !(p->interest & CACHE_SESSIONS) || p->events.link)
        return;
    p->events.at = link_last_id(reply);
    link_stream_open(&p->link, &p->events);
}

/* What follows from p->interest, when it is not what was announced or `anew`: from where events are
 * read, the heartbeat, the questions; in this order. */
static void peers_announce(struct peers *p, int anew)
{
    unsigned gained = anew ? p->interest : p->interest & ~p->announced;
    if (!p->link.ready || (!anew && p->interest == p->announced))
        return;
    if (!(p->interest & CACHE_SESSIONS) || anew) {
        link_stream_close(&p->link, &p->events);
        link_reread(&p->link);
    }
    if (gained & CACHE_SESSIONS)
        link_find_end(&p->link, p->events.key, peers_on_events_end, p);
    peers_beat(p);
    if (gained || anew) {
        for (struct peers_peer *peer = p->first; peer; peer = peer->next)
            peers_pull_all(peer, gained);
        if (!p->scanning)
            peers_scan(p, "0");
    }
    peers_look_late(p);
}

static void peers_set_interest(struct peers *p, unsigned topics)
{
    p->interest = topics;
    if (p->link.on)
        peers_announce(p, 0);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void peers_on_ready(void *ctx)
{
    struct peers *p = ctx;
    p->scanning = 0;
    snprintf(p->self.instance, sizeof p->self.instance, "%s/%lld", p->run, p->link.calls.connects);
    for (struct peers_peer *peer = p->first; peer; peer = peer->next) {
        peer->beat_at = p->loop->now; /* nobody could be heard meanwhile */
        peers_begin_life(peer);
        peer->pulled_at = 0;
    }
    link_stream_close(&p->link, &p->messages);
    link_find_end(&p->link, p->messages.key, peers_on_requests_end, p);
    peers_announce(p, 1);
    peers_send_all(p);
    peers_publish_self(p);
}

static void peers_on_lost(void *ctx)
{
    struct peers *p = ctx;
    loop_timer_stop(p->loop, &p->beat_timer);
    loop_timer_stop(p->loop, &p->late_timer);
    peers_publish_self(p);
}

static void peers_on_said(void *ctx, span message)
{
    peers_hear(ctx, message);
}

/* What was said while nobody listened is in the keys. */
static void peers_on_listening(void *ctx)
{
    struct peers *p = ctx;
    if (p->link.ready && !p->scanning)
        peers_scan(p, "0");
}

static const struct link_hooks peers_link_hooks = {PEERS_PRESENCE, peers_on_ready, peers_on_lost,
                                                   peers_on_said, peers_on_listening};

/* ---- what is said of it all ----------------------------------------------------------------- */

static void peers_put_counters(const struct peers_peer *peer, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "name", peer->beat.name);
    json_field_string(b, "status", peer->stale ? "stale" : "online");
    json_field_bool(b, "interested", (peer->beat.interest & CACHE_SESSIONS) != 0);
    json_field_int(b, "sessions", (long long)peer->sessions);
    json_field_int(b, "events_in", peer->events_in);
    json_field_int(b, "events_out", peer->events_out);
    json_field_int(b, "coalesced", peer->coalesced);
    json_field_int(b, "dropped", peer->dropped);
    json_field_int(b, "lag_ms", peer->lag_ms);
    json_close(b, '}');
}

static void peers_put_status(const struct peers *p, buf *b)
{
    long long connects = p->link.calls.connects;
    json_key(b, "redis");
    if (p->link.on) {
        buf address = {0};
        redis_put_address(&p->link.calls, &address);
        json_open(b, '{');
        json_field_string(b, "state", redis_state_name(&p->link.calls));
        json_field_string(b, "why",
                          p->trouble[0]          ? p->trouble
                          : p->link.calls.why[0] ? p->link.calls.why
                                                 : NULL);
        json_field_string(b, "address", buf_cstr(&address));
        json_field_int(b, "protocol", p->link.calls.protocol);
        json_field_int(b, "reconnects", connects > 0 ? connects - 1 : 0);
        json_field_bool(b, "same_name", p->clash_at != 0);
        json_close(b, '}');
        buf_free(&address);
    } else {
        buf_str(b, "null");
    }
    json_key(b, "peers");
    json_open(b, '[');
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        peers_put_counters(peer, b);
    json_close(b, ']');
}

/* ---- life ----------------------------------------------------------------------------------- */

static void peers_leave(struct peers *p)
{
    if (p->cursor_timer.slot)
        peers_write_cursor(p);
    p->leaving = 1;
    link_stop_reading(&p->link); /* no request is taken any more */
    if (p->link.ready)
        peers_beat(p);
    loop_timer_stop(p->loop, &p->beat_timer);
}

static int peers_init(struct peers *p, struct loop *l, const struct config *config,
                      struct cache *cache, buf *error)
{
    *p = (struct peers){.loop = l, .config = config, .cache = cache};
    p->last = &p->first;
    if (!config->redis_url[0] || fleet_name_is_good(span_of(config->computer)))
        return link_init(&p->link, l, config, &peers_link_hooks, p, error);
    buf_str(error, "the computer's name is no good for others: up to 128 bytes of text");
    return -1;
}

static void peers_start(struct peers *p, const struct peers_hooks *hooks, void *ctx)
{
    const struct config *c = p->config;
    const struct {
        struct loop_timer *timer;
        void (*fn)(void *ctx);
    } timers[] = {{&p->beat_timer, peers_on_beat},
                  {&p->late_timer, peers_on_late},
                  {&p->cursor_timer, peers_on_cursor_due},
                  {&p->pull_timer, peers_repull},
                  {&p->flush_timer, peers_flush}};
    p->hooks = hooks;
    p->hooks_ctx = ctx;
    if (!p->link.on)
        return;
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        *timers[i].timer = (struct loop_timer){.fn = timers[i].fn, .ctx = p};
    base_uuid(p->run);
    snprintf(p->self.name, sizeof p->self.name, "%s", c->computer);
    snprintf(p->self.user, sizeof p->self.user, "%s", config_user(c));
    snprintf(p->self.host, sizeof p->self.host, "%s", c->host);
    snprintf(p->self.telec, sizeof p->self.telec, "%s", TELEC_VERSION);
    p->messages = (struct link_stream){
        .key = link_key(LINK_REQUESTS_KEY, c->computer), .owner = p, .take = peers_take_request};
    p->events = (struct link_stream){
        .key = link_key(PEERS_EVENTS_KEY, c->computer), .owner = p, .take = peers_take_event};
    peers_read_cursor(p);
    p->cache->on_session = peers_on_session;
    p->cache->session_ctx = p;
    link_start(&p->link);
}

static void peers_free(struct peers *p)
{
    p->cache->on_session = NULL;
    link_stream_free(&p->link, &p->messages);
    link_stream_free(&p->link, &p->events);
    link_free(&p->link);
    while (p->first)
        peers_free_peer(p->first);
    free(p->lost);
    p->lost = NULL;
    buf_free(&p->beat);
}
