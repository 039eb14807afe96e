#include "fleet.h"

/* pull - asking other computers for what they have: list_sessions, list_projects, list_todos, and
 * get_computer_info of TeleClaude daemons, whose heartbeats don't say who and where they are.
 *
 * A pull happens when a topic gains interest, when a peer appears or restarts, when events may be
 * lost, and for a client that is not subscribed (a gather). */

#define PULL_FAILURES_MAX 3 /* list_sessions without a usable reply is repeated as often */

/* ---- gathers -------------------------------------------------------------------------------- */

static void pull_gather_cancel(struct pull_gather *gather)
{
    if (!gather->link)
        return;
    LIST_REMOVE(gather);
    loop_timer_cancel(gather->fleet->loop, &gather->timer);
}

static void pull_gather_finish(void *ctx)
{
    struct pull_gather *gather = ctx;
    pull_gather_cancel(gather);
    gather->done(gather->ctx);
}

/* Topics in which what is known of the peer is missing or not kept up to date. */
static unsigned pull_unknown(const struct roster_peer *peer)
{
    unsigned known = 0;
    if (peer->pulled_at)
        known |= CACHE_SESSIONS;
    if (peer->projects_at && !peer->preparing)
        known |= CACHE_PREPARATION;
    return ~(known & peer->fleet->interest);
}

static int pull_is_asked_for(const struct roster_peer *peer, const struct pull_gather *gather)
{
    return !gather->computer || strcmp(gather->computer, peer->beat.name) == 0;
}

static int pull_is_pulling(const struct fleet *f, const struct pull_gather *gather)
{
    if (f->searching)
        return 1;
    for (const struct roster_peer *peer = f->first; peer; peer = peer->next)
        if (pull_is_asked_for(peer, gather)) {
            unsigned wanted = gather->topics & pull_unknown(peer);
            if ((wanted & CACHE_SESSIONS && peer->pulling) ||
                (wanted & CACHE_PREPARATION && peer->preparing))
                return 1;
        }
    return 0;
}

/* A pull has completed, or the search: finishes the gathers that have none pending. */
static void pull_end_gathers(struct fleet *f)
{
    for (struct pull_gather *gather = f->gathers, *next; gather; gather = next) {
        next = gather->next;
        if (!pull_is_pulling(f, gather))
            pull_gather_finish(gather);
    }
}

static void pull_end_search(struct fleet *f)
{
    f->searching = 0;
    pull_end_gathers(f);
}

/* ---- one request ---------------------------------------------------------------------------- */

/* A pending request; it may outlive its peer. */
struct pull {
    struct fleet *fleet;
    char *computer, *path; /* path: of the project, for list_todos; else NULL */
    const char *command;
    long long life;        /* the peer's, when the request was sent */
    /* Not called when that peer has gone or begun a new life. answer NULL: there is none. */
    void (*merge)(struct roster_peer *peer, const struct pull *pull,
                  const struct codec_reply *answer, struct codec_id at);
};

static void pull_free(struct pull *pull)
{
    free(pull->computer);
    free(pull->path);
    free(pull);
}

static void pull_on_answer(void *ctx, const struct codec_reply *answer, struct codec_id at,
                           const char *why)
{
    struct pull *pull = ctx;
    struct fleet *f = pull->fleet;
    struct roster_peer *peer = roster_find(f, span_of(pull->computer));
    if (!answer || !answer->good) {
        char *error = answer ? json_dup_text(answer->error) : NULL;
        streams_complain(&f->streams, pull->command, span_of(pull->computer),
                         error ? error : why ? why : "an error");
        free(error);
    }
    if (peer && peer->life == pull->life)
        pull->merge(peer, pull, answer, at);
    pull_free(pull);
    pull_end_gathers(f);
}

static int pull_ask(struct roster_peer *peer, const char *command, const char *path,
                    void (*merge)(struct roster_peer *peer, const struct pull *pull,
                                  const struct codec_reply *answer, struct codec_id at))
{
    struct pull *pull = base_alloc(sizeof *pull);
    const char *const words[] = {command, path, NULL};
    const char *why;
    buf line = {0};
    *pull = (struct pull){peer->fleet, base_dup(peer->beat.name),
                          path ? base_dup(path) : NULL, command, peer->life, merge};
    codec_put_words(&line, words);
    struct codec_request request = {.command = buf_view(&line)};
    int asked = streams_ask(&peer->fleet->streams, peer->beat.name, &request, pull_on_answer, pull,
                            &why) != NULL;
    if (!asked)
        pull_free(pull);
    buf_free(&line);
    return asked;
}

/* Is the answer good, and a list? */
static int pull_is_list(const struct codec_reply *answer)
{
    return answer && answer->good && json_type(answer->data) == JSON_ARRAY;
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void pull_suspect(struct roster_peer *peer)
{
    struct fleet *f = peer->fleet;
    if (peer->suspect)
        return;
    peer->suspect = 1;
    if (!f->pull_timer.slot)
        loop_timer_in(f->loop, &f->pull_timer, PULL_AGAIN_MS);
}

static void pull_merge_sessions(struct roster_peer *peer, const struct pull *pull,
                                const struct codec_reply *answer, struct codec_id at)
{
    struct fleet *f = peer->fleet;
    const char *why;
    (void)pull;
    peer->pulling = 0;
    if (pull_is_list(answer)) {
        f->listing++;
        for (struct json_iter it = json_iter(answer->data); json_next(&it);) {
            struct codec_session told;
            if (!codec_parse_session(it.value, &told, &why)) {
                streams_complain(&f->streams, "a session", span_of(peer->beat.name), why);
                continue;
            }
            roster_put_session(peer, &told, at, 1);
            struct cache_session *s = cache_find(f->cache, told.id);
            if (s)
                roster_data(f, s)->listed = f->listing;
        }
        for (size_t i = 0; i < f->cache->places; i++) {
            const struct cache_session *s = f->cache->sessions[i];
            if (s && roster_data(f, s)->listed != f->listing &&
                strcmp(s->computer, peer->beat.name) == 0 &&
                codec_compare_ids(roster_data(f, s)->at, at) <= 0)
                roster_drop_session(peer, s->id);
        }
        peer->pulled_at = f->loop->now;
        peer->failures = 0;
        if (!peer->beat.telec[0])
            roster_publish_peer(peer);
    } else if (f->streams.ready && peer->failures++ < PULL_FAILURES_MAX) {
        pull_suspect(peer);
    }
    if (peer->pull_again)
        pull_sessions(peer);
}

static void pull_sessions(struct roster_peer *peer)
{
    peer->pull_again = peer->pulling;
    if (!peer->pulling)
        peer->pulling = pull_ask(peer, "list_sessions", NULL, pull_merge_sessions);
}

static void pull_unpushed(struct roster_peer *peer)
{
    if (!peer->beat.telec[0] && peer->fleet->interest & CACHE_SESSIONS)
        pull_sessions(peer);
}

static void pull_on_suspects(void *ctx)
{
    struct fleet *f = ctx;
    for (struct roster_peer *peer = f->first; peer; peer = peer->next)
        if (peer->suspect) {
            peer->suspect = 0;
            if (f->interest & CACHE_SESSIONS)
                pull_sessions(peer);
        }
}

/* ---- projects and todos --------------------------------------------------------------------- */

static void pull_put_project(const struct roster_peer *peer, const struct roster_project *project,
                              int with_todos, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "computer", peer->beat.name);
    json_field_string(b, "name", project->name);
    json_field_string(b, "path", project->path);
    json_field_string(b, "description", project->description);
    json_field_string(b, "desc", project->description);
    if (with_todos) {
        json_field_raw(b, "todos", span_of(project->todos ? project->todos : "[]"));
    }
    json_close(b, '}');
}

static void pull_put_projects(const struct fleet *f, const char *computer, int with_todos, buf *b)
{
    for (const struct roster_peer *peer = f->first; peer; peer = peer->next)
        for (int i = 0; i < peer->project_count; i++)
            if (!computer || strcmp(computer, peer->beat.name) == 0)
                pull_put_project(peer, &peer->projects[i], with_todos, b);
}

static void pull_publish_projects(struct roster_peer *peer)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "computer", peer->beat.name);
    json_field_open(&b, "projects", '[');
    for (int i = 0; i < peer->project_count; i++)
        pull_put_project(peer, &peer->projects[i], 0, &b);
    json_close(&b, ']');
    json_close(&b, '}');
    roster_publish(peer->fleet, CACHE_PREPARATION, "projects_updated", buf_view(&b));
    buf_free(&b);
}

static void pull_merge_todos(struct roster_peer *peer, const struct pull *pull,
                             const struct codec_reply *answer, struct codec_id at)
{
    struct roster_project *project = NULL;
    buf b = {0};
    (void)at;
    peer->preparing--;
    for (int i = 0; i < peer->project_count; i++)
        if (strcmp(peer->projects[i].path, pull->path) == 0)
            project = &peer->projects[i];
    if (!project || !pull_is_list(answer) || answer->data.text.n > ROSTER_TODOS_MAX)
        return;
    free(project->todos);
    project->todos = span_dup(answer->data.text);
    json_open(&b, '{');
    json_field_string(&b, "computer", peer->beat.name);
    json_field_string(&b, "project_path", project->path);
    json_field_raw(&b, "todos", answer->data.text);
    json_close(&b, '}');
    roster_publish(peer->fleet, CACHE_PREPARATION, "todos_updated", buf_view(&b));
    buf_free(&b);
}

/* Parses a project object; the result's path is NULL when it is unusable. TeleClaude says desc
 * instead of description. */
static struct roster_project pull_read_project(struct json object)
{
    struct json description = json_get(object, "description");
    if (json_type(description) != JSON_STRING)
        description = json_get(object, "desc");
    struct roster_project project = {json_dup_member(object, "path"),
                                    json_dup_member(object, "name"),
                                    json_dup_text(description), NULL};
    if (project.path && !project.name)
        project.name = base_dup(project.path);
    if (project.path && !project.description)
        project.description = base_dup("");
    if (project.path && object.text.n <= CODEC_SESSION_MAX)
        return project;
    free(project.path), free(project.name), free(project.description);
    return (struct roster_project){0};
}

/* Requests the projects' todos, too. */
static void pull_merge_projects(struct roster_peer *peer, const struct pull *pull,
                                const struct codec_reply *answer, struct codec_id at)
{
    struct roster_project *old = peer->projects;
    int old_count = peer->project_count, cap = 0;
    (void)pull, (void)at;
    peer->preparing--;
    if (!pull_is_list(answer))
        return;
    peer->projects = NULL;
    peer->project_count = 0;
    for (struct json_iter it = json_iter(answer->data);
         json_next(&it) && peer->project_count < ROSTER_PROJECTS_MAX;) {
        struct roster_project project = pull_read_project(it.value);
        if (!project.path)
            continue;
        peer->projects = base_room(peer->projects, peer->project_count, &cap, sizeof project);
        /* The old todos stay until the new ones are there; lists mostly come in the same order. */
        int i = peer->project_count;
        if (i < old_count && strcmp(old[i].path, project.path) == 0) {
            project.todos = old[i].todos;
            old[i].todos = NULL;
        }
        peer->projects[peer->project_count++] = project;
    }
    roster_free_projects(old, old_count);
    peer->projects_at = peer->fleet->loop->now;
    pull_publish_projects(peer);
    for (int i = 0; i < peer->project_count; i++)
        peer->preparing += pull_ask(peer, "list_todos", peer->projects[i].path, pull_merge_todos);
}

static void pull_projects(struct roster_peer *peer)
{
    peer->preparing += pull_ask(peer, "list_projects", NULL, pull_merge_projects);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void pull_merge_info(struct roster_peer *peer, const struct pull *pull,
                            const struct codec_reply *answer, struct codec_id at)
{
    (void)pull, (void)at;
    if (!answer || !answer->good)
        return;
    codec_copy_text(answer->data, "user", peer->user, sizeof peer->user);
    codec_copy_text(answer->data, "host", peer->host, sizeof peer->host);
    memcpy(peer->beat.user, peer->user, sizeof peer->beat.user);
    memcpy(peer->beat.host, peer->host, sizeof peer->beat.host);
    roster_publish_peer(peer);
}

static void pull_all(struct roster_peer *peer, unsigned topics)
{
    if (topics & CACHE_SESSIONS)
        pull_sessions(peer);
    if (topics & CACHE_PREPARATION)
        pull_projects(peer);
    if (topics && !peer->beat.telec[0] && !peer->host[0])
        pull_ask(peer, "get_computer_info", NULL, pull_merge_info);
}

static void pull_new(struct roster_peer *peer)
{
    unsigned topics = peer->fleet->interest;
    for (const struct pull_gather *gather = peer->fleet->gathers; gather; gather = gather->next)
        topics |= pull_is_asked_for(peer, gather) ? gather->topics : 0;
    pull_all(peer, topics);
}

static void pull_refresh(struct fleet *f)
{
    for (struct roster_peer *peer = f->first; peer; peer = peer->next)
        if (f->streams.ready)
            pull_all(peer, f->interest);
}

static int pull_gather(struct fleet *f, struct pull_gather *gather, long long ms)
{
    for (struct roster_peer *peer = f->first; peer && f->streams.ready; peer = peer->next) {
        unsigned wanted =
            pull_is_asked_for(peer, gather) ? gather->topics & pull_unknown(peer) : 0;
        if (wanted & CACHE_SESSIONS && !peer->pulling)
            pull_sessions(peer);
        if (wanted & CACHE_PREPARATION && !peer->preparing)
            pull_projects(peer);
    }
    if (!pull_is_pulling(f, gather))
        return 0;
    gather->fleet = f;
    gather->timer = (struct loop_timer){.fn = pull_gather_finish, .ctx = gather};
    LIST_PUSH(&f->gathers, gather);
    loop_timer_in(f->loop, &gather->timer, ms);
    return 1;
}

static int pull_must_ask(const struct fleet *f, const char *computer)
{
    const struct roster_peer *peer = roster_find(f, span_of(computer));
    return peer && f->streams.ready && (pull_unknown(peer) & CACHE_SESSIONS);
}
