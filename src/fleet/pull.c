#include "fleet.h"

/* ---- what others have: pulls ---------------------------------------------------------------- */

/* Outlives its peer. */
struct pull_start {
    struct peers *peers;
    char *computer, *path; /* path: of the project whose todos were asked for; or NULL */
    long long life;        /* of the peer, when it was asked */
};

static void pull_free(struct pull_start *pull)
{
    free(pull->computer);
    free(pull->path);
    free(pull);
}

/* The peer that was asked; NULL: it has gone, or it is there anew. */
static struct peers_peer *pull_end(struct pull_start *pull, const struct codec_answer *answer,
                                         const char *what, const char *why)
{
    struct peers *p = pull->peers;
    struct peers_peer *peer = roster_find(p, span_of(pull->computer));
    if (!answer || !answer->good) {
        char *error = answer ? json_dup_text(answer->error) : NULL;
        streams_complain(&p->link, what, span_of(pull->computer),
                      error ? error
                      : why ? why
                            : "an error");
        free(error);
    }
    return peer && peer->life == pull->life ? peer : NULL;
}

static int pull_start(struct peers_peer *peer, const char *command, const char *path,
                      void (*done)(void *ctx, const struct codec_answer *answer, struct codec_id at,
                                   const char *why))
{
    struct pull_start *pull = base_alloc(sizeof *pull);
    const char *const words[] = {command, path, NULL};
    const char *why;
    buf line = {0};
    *pull = (struct pull_start){peer->peers, span_dup(span_of(peer->beat.name)),
                                path ? span_dup(span_of(path)) : NULL, peer->life};
    codec_put_words(&line, words);
    struct codec_request request = {.command = buf_view(&line)};
    int asked = streams_ask(&peer->peers->link, peer->beat.name, &request, done, pull, &why) != NULL;
    if (!asked)
        pull_free(pull);
    buf_free(&line);
    return asked;
}

static void pull_gather_end(struct pull_gather *gather)
{
    if (!gather->link)
        return;
    LIST_REMOVE(gather);
    loop_timer_cancel(gather->peers->loop, &gather->timer);
}

static void pull_gather_finish(void *ctx)
{
    struct pull_gather *gather = ctx;
    pull_gather_end(gather);
    gather->done(gather->ctx);
}

/* The topics of which it is not known what the peer has, or not kept up to date. */
static unsigned pull_unknown(const struct peers_peer *peer)
{
    unsigned known = 0;
    if (peer->pulled_at)
        known |= CACHE_SESSIONS;
    if (peer->projects_at && !peer->preparing)
        known |= CACHE_PREPARATION;
    return ~(known & peer->peers->interest);
}

static int pull_is_asked_for(const struct peers_peer *peer, const struct pull_gather *gather)
{
    return !gather->computer || strcmp(gather->computer, peer->beat.name) == 0;
}

static int pull_is_pulling(const struct peers *p, const struct pull_gather *gather)
{
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (pull_is_asked_for(peer, gather)) {
            unsigned wanted = gather->topics & pull_unknown(peer);
            if ((wanted & CACHE_SESSIONS && peer->pulling) ||
                (wanted & CACHE_PREPARATION && peer->preparing))
                return 1;
        }
    return 0;
}

/* A pull has ended: who waited for nothing else has waited enough. */
static void pull_end_gathers(struct peers *p)
{
    for (struct pull_gather *gather = p->gathers, *next; gather; gather = next) {
        next = gather->next;
        if (!pull_is_pulling(p, gather))
            pull_gather_finish(gather);
    }
}

/* The answer to list_sessions; NULL: there was none. */
static void pull_take_list(struct peers_peer *peer, const struct codec_answer *answer,
                            struct codec_id at)
{
    struct peers *p = peer->peers;
    const char *why;
    peer->pulling = 0;
    if (answer && answer->good && answer->data.type == JSON_ARRAY) {
        p->listing++;
        for (struct json_iter it = json_iter(answer->data); json_next(&it);) {
            struct codec_session told;
            if (!codec_parse_session(it.value, &told, &why)) {
                streams_complain(&p->link, "a session", span_of(peer->beat.name), why);
                continue;
            }
            events_take_session(peer, &told, at, 1);
            struct cache_session *s = cache_find(p->cache, told.id);
            if (s)
                s->listed = p->listing;
        }
        for (size_t i = 0; i < p->cache->places; i++) {
            const struct cache_session *s = p->cache->sessions[i];
            if (s && s->listed != p->listing && strcmp(s->computer, peer->beat.name) == 0 &&
                codec_compare_ids(events_stamp(s), at) <= 0)
                events_drop_session(peer, s->id);
        }
        peer->pulled_at = p->loop->now;
        peer->failures = 0;
    } else if (p->link.ready && peer->failures++ < PEERS_FAILURES_MAX) {
        events_suspect(peer);
    }
    if (peer->pull_again)
        pull_sessions(peer);
}

static void pull_on_sessions(void *ctx, const struct codec_answer *answer, struct codec_id at,
                              const char *why)
{
    struct pull_start *pull = ctx;
    struct peers *p = pull->peers;
    struct peers_peer *peer = pull_end(pull, answer, "list_sessions", why);
    pull_free(pull);
    if (peer)
        pull_take_list(peer, answer, at);
    pull_end_gathers(p);
}

static void pull_sessions(struct peers_peer *peer)
{
    peer->pull_again = peer->pulling;
    if (!peer->pulling)
        peer->pulling = pull_start(peer, "list_sessions", NULL, pull_on_sessions);
}

static int pull_gather(struct peers *p, struct pull_gather *gather, long long ms)
{
    for (struct peers_peer *peer = p->first; peer && p->link.ready; peer = peer->next) {
        unsigned wanted =
            pull_is_asked_for(peer, gather) ? gather->topics & pull_unknown(peer) : 0;
        if (wanted & CACHE_SESSIONS && !peer->pulling)
            pull_sessions(peer);
        if (wanted & CACHE_PREPARATION && !peer->preparing)
            pull_projects(peer);
    }
    if (!pull_is_pulling(p, gather))
        return 0;
    gather->peers = p;
    gather->timer = (struct loop_timer){.fn = pull_gather_finish, .ctx = gather};
    LIST_PUSH(&p->gathers, gather);
    loop_timer_set(p->loop, &gather->timer, p->loop->now + ms);
    return 1;
}

static void pull_put_project(const struct peers_peer *peer, const struct peers_project *project,
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

static void pull_put_projects(const struct peers *p, const char *computer, int with_todos, buf *b)
{
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        for (int i = 0; i < peer->project_count; i++)
            if (!computer || strcmp(computer, peer->beat.name) == 0)
                pull_put_project(peer, &peer->projects[i], with_todos, b);
}

static void pull_publish_projects(struct peers_peer *peer)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "computer", peer->beat.name);
    json_key(&b, "projects");
    json_open(&b, '[');
    for (int i = 0; i < peer->project_count; i++)
        pull_put_project(peer, &peer->projects[i], 0, &b);
    json_close(&b, ']');
    json_close(&b, '}');
    roster_publish(peer->peers, CACHE_PREPARATION, "projects_updated", buf_view(&b));
    buf_free(&b);
}

static void pull_on_todos(void *ctx, const struct codec_answer *answer, struct codec_id at,
                           const char *why)
{
    struct pull_start *pull = ctx;
    struct peers *p = pull->peers;
    struct peers_peer *peer = pull_end(pull, answer, "list_todos", why);
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
        roster_publish(peer->peers, CACHE_PREPARATION, "todos_updated", buf_view(&b));
    }
    buf_free(&b);
    pull_free(pull);
    pull_end_gathers(p);
}

/* A project as it was told; path NULL: of no use. TeleClaude's have desc for description. */
static struct peers_project pull_read_project(struct json object)
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
    if (project.path && object.text.n <= CODEC_SESSION_MAX)
        return project;
    free(project.path), free(project.name), free(project.description);
    return (struct peers_project){0};
}

/* The answer to list_projects; todos are the next question. */
static void pull_take_projects(struct peers_peer *peer, struct json list)
{
    struct peers_project *old = peer->projects;
    int old_count = peer->project_count, cap = 0;
    peer->projects = NULL;
    peer->project_count = 0;
    for (struct json_iter it = json_iter(list);
         json_next(&it) && peer->project_count < PEERS_PROJECTS_MAX;) {
        struct peers_project project = pull_read_project(it.value);
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
    pull_publish_projects(peer);
    for (int i = 0; i < peer->project_count; i++)
        peer->preparing += pull_start(peer, "list_todos", peer->projects[i].path, pull_on_todos);
}

static void pull_on_projects(void *ctx, const struct codec_answer *answer, struct codec_id at,
                              const char *why)
{
    struct pull_start *pull = ctx;
    struct peers *p = pull->peers;
    struct peers_peer *peer = pull_end(pull, answer, "list_projects", why);
    (void)at;
    pull_free(pull);
    if (peer)
        peer->preparing--;
    if (peer && answer && answer->good && answer->data.type == JSON_ARRAY)
        pull_take_projects(peer, answer->data);
    pull_end_gathers(p);
}

static void pull_projects(struct peers_peer *peer)
{
    peer->preparing += pull_start(peer, "list_projects", NULL, pull_on_projects);
}

static void pull_on_info(void *ctx, const struct codec_answer *answer, struct codec_id at,
                          const char *why)
{
    struct pull_start *pull = ctx;
    struct peers_peer *peer = pull_end(pull, answer, "get_computer_info", why);
    (void)at;
    pull_free(pull);
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
    roster_publish_peer(peer);
}

/* What there is interest in, of one computer. */
static void pull_all(struct peers_peer *peer, unsigned topics)
{
    if (topics & CACHE_SESSIONS)
        pull_sessions(peer);
    if (topics & CACHE_PREPARATION)
        pull_projects(peer);
    if (topics && !peer->beat.telec[0] && !peer->host[0])
        pull_start(peer, "get_computer_info", NULL, pull_on_info);
}

static void pull_refresh(struct peers *p)
{
    for (struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (p->link.ready)
            pull_all(peer, p->interest);
}

