/* Unit tests of tree: rows against a naive model under random events; nesting and its rings; which
 * project a session stands under; folds; what the UI's selection relies on. */

static uint32_t unit_tree_seed = 7;

static int unit_tree_random(int below)
{
    unit_tree_seed = unit_tree_seed * 1664525u + 1013904223u;
    return (int)((unit_tree_seed >> 8) % (uint32_t)below);
}

/* ---- the model ------------------------------------------------------------------------------ */

#define UNIT_TREE_SESSIONS 24
#define UNIT_TREE_FOLDS 12

static const char *const unit_tree_computers[] = {"vm", "other"};
static const char *const unit_tree_paths[] = {"/src", "/src/telec", "/src/tele",     "/srcs",
                                              "/",    "/home/me",   "/src/telec/sub"};
static const char *const unit_tree_states[] = {"working", "waiting", "idle"};
#define UNIT_TREE_PATHS ((int)COUNT_OF(unit_tree_paths))

struct unit_tree_session {
    /* initiator: an index, -1 none, -2 unknown */
    int there, computer, path, initiator, created, state;
};

struct unit_tree_model {
    struct unit_tree_session sessions[UNIT_TREE_SESSIONS];
    int projects[2][UNIT_TREE_PATHS];
    char folds[UNIT_TREE_FOLDS][80];
    buf rows; /* what tree_build must come to, a line each */
};

static void unit_tree_object(buf *b, const struct unit_tree_model *m, int i)
{
    const struct unit_tree_session *s = &m->sessions[i];
    json_open(b, '{');
    buf_fmt(b, "\"session_id\":\"id%02d\"", i);
    json_field_string(b, "computer", unit_tree_computers[s->computer]);
    json_field_string(b, "working_directory", unit_tree_paths[s->path]);
    json_field_string(b, "state", unit_tree_states[s->state]);
    buf_fmt(b, ",\"created_at\":\"2026-01-01T00:00:%02d+00:00\"", s->created);
    if (s->initiator == -1)
        json_field_null(b, "initiator_session_id");
    else
        buf_fmt(b, ",\"initiator_session_id\":\"id%02d\"", s->initiator < 0 ? 99 : s->initiator);
    json_close(b, '}');
}

static int unit_tree_folded(const struct unit_tree_model *m, const char *key)
{
    for (int i = 0; i < UNIT_TREE_FOLDS; i++)
        if (strcmp(m->folds[i], key) == 0)
            return 1;
    return 0;
}

static int unit_tree_parent(const struct unit_tree_model *m, int i)
{
    int up = m->sessions[i].initiator;
    return up >= 0 && m->sessions[up].there && m->sessions[up].computer == m->sessions[i].computer
               ? up
               : -1;
}

/* Is `path` the directory, or above it? */
static int unit_tree_above(const char *path, const char *dir)
{
    size_t n = strlen(path);
    return strncmp(path, dir, n) == 0 &&
           (dir[n] == '\0' || dir[n] == '/' || strcmp(path, "/") == 0);
}

static int unit_tree_project(const struct unit_tree_model *m, int i)
{
    int best = -1;
    while (unit_tree_parent(m, i) >= 0)
        i = unit_tree_parent(m, i);
    const char *dir = unit_tree_paths[m->sessions[i].path];
    for (int p = 0; p < UNIT_TREE_PATHS; p++)
        if (m->projects[m->sessions[i].computer][p] && unit_tree_above(unit_tree_paths[p], dir) &&
            (best < 0 || strlen(unit_tree_paths[p]) > strlen(unit_tree_paths[best])))
            best = p;
    return best >= 0 ? best : m->sessions[i].path;
}

/* The sessions below `parent` (-1: those that nobody of this project started), oldest first. */
static void unit_tree_model_sessions(struct unit_tree_model *m, int computer, int project,
                                     int parent, int depth, const char *prefix)
{
    int last_created = -1, last = -1;
    for (int number = 1;; number++) {
        int next = -1;
        for (int i = 0; i < UNIT_TREE_SESSIONS; i++) {
            const struct unit_tree_session *s = &m->sessions[i];
            if (!s->there || s->computer != computer || unit_tree_project(m, i) != project ||
                unit_tree_parent(m, i) != parent ||
                !(s->created > last_created || (s->created == last_created && i > last)))
                continue;
            if (next < 0 || s->created < m->sessions[next].created)
                next = i;
        }
        if (next < 0)
            return;
        char key[16], label[64];
        snprintf(key, sizeof key, "s:id%02d", next);
        snprintf(label, sizeof label, "%.50s%s%d", prefix, *prefix ? "." : "", number);
        buf_fmt(&m->rows, "%d %s %s\n", depth, key, label);
        if (!unit_tree_folded(m, key))
            unit_tree_model_sessions(m, computer, project, next, depth + 1, label);
        last = next;
        last_created = m->sessions[next].created;
    }
}

static void unit_tree_model_build(struct unit_tree_model *m, const char *here)
{
    static const int sorted[] = {4, 5, 0, 2, 1, 6, 3}; /* unit_tree_paths in the order of strcmp */
    buf_clear(&m->rows);
    for (int c = 0; c < 2; c++) {
        char key[80];
        int sessions = 0, waiting = 0;
        for (int i = 0; i < UNIT_TREE_SESSIONS; i++)
            if (m->sessions[i].there && m->sessions[i].computer == c) {
                sessions++;
                waiting += m->sessions[i].state == 1;
            }
        snprintf(key, sizeof key, "c:%s", unit_tree_computers[c]);
        buf_fmt(&m->rows, "0 %s %d/%d\n", key, waiting, sessions);
        for (int k = 0; k < UNIT_TREE_PATHS && !unit_tree_folded(m, key); k++) {
            int p = sorted[k],
                shown = m->projects[c][p] || (c == 0 && strcmp(unit_tree_paths[p], here) == 0);
            int inside = 0, asking = 0;
            for (int i = 0; i < UNIT_TREE_SESSIONS; i++)
                if (m->sessions[i].there && m->sessions[i].computer == c &&
                    unit_tree_project(m, i) == p) {
                    inside++;
                    asking += m->sessions[i].state == 1;
                }
            if (!shown && !inside)
                continue;
            char project_key[80];
            snprintf(project_key, sizeof project_key, "p:%s:%s", unit_tree_computers[c],
                     unit_tree_paths[p]);
            buf_fmt(&m->rows, "1 %s %d/%d\n", project_key, asking, inside);
            if (!unit_tree_folded(m, project_key))
                unit_tree_model_sessions(m, c, p, -1, 2, "");
        }
    }
}

static void unit_tree_put_rows(const struct tree *t, buf *b)
{
    for (int i = 0; i < t->row_count; i++) {
        const struct tree_row *row = &t->rows[i];
        if (row->kind == TREE_SESSION)
            buf_fmt(b, "%d %s %s\n", row->depth, row->key, row->session->number);
        else
            buf_fmt(b, "%d %s %d/%d\n", row->depth, row->key, row->waiting, row->sessions);
    }
}

/* ---- events --------------------------------------------------------------------------------- */

static void unit_tree_say(struct tree *t, const char *text)
{
    tree_event(t, span_of(text));
}

static void unit_tree_change(struct unit_tree_model *m, int i)
{
    struct unit_tree_session *s = &m->sessions[i];
    s->computer = unit_tree_random(4) == 0;
    s->path = unit_tree_random(UNIT_TREE_PATHS);
    s->state = unit_tree_random(3);
    s->created = unit_tree_random(60);
    /* no rings */
    s->initiator =
        unit_tree_random(2) || i == 0 ? unit_tree_random(3) ? -1 : -2 : unit_tree_random(i);
}

/* One random event, told to both. */
static void unit_tree_step(struct tree *t, struct unit_tree_model *m)
{
    int i = unit_tree_random(UNIT_TREE_SESSIONS), what = unit_tree_random(20);
    buf b = {0};
    if (what < 9) {
        int fresh = !m->sessions[i].there;
        unit_tree_change(m, i);
        m->sessions[i].there = 1;
        buf_fmt(&b, "{\"event\":\"%s\",\"data\":",
                fresh && what < 6 ? "session_created" : "session_updated");
        unit_tree_object(&b, m, i);
        buf_str(&b, "}");
    } else if (what < 13) {
        m->sessions[i].there = 0;
        buf_fmt(&b, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"id%02d\"}}", i);
    } else if (what < 14) {
        buf_str(&b, "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":[");
        for (int k = 0; k < UNIT_TREE_SESSIONS; k++) {
            if (unit_tree_random(3) == 0)
                m->sessions[k].there = 0;
            if (m->sessions[k].there)
                unit_tree_object(&b, m, k);
            if (m->sessions[k].there && unit_tree_random(2) == 0) /* the later one counts */
                unit_tree_change(m, k), unit_tree_object(&b, m, k);
        }
        buf_str(&b, "]}}");
        for (size_t k = 1; k < b.n; k++) /* what the writer leaves out between two objects */
            if (b.p[k] == '{' && b.p[k - 1] == '}') {
                buf tail = {0};
                buf_span(&tail, span_sub(buf_view(&b), k));
                b.n = k;
                buf_byte(&b, ',');
                buf_span(&b, buf_view(&tail));
                buf_free(&tail);
            }
    } else if (what < 16) {
        int c = unit_tree_random(2);
        buf_fmt(&b, "{\"event\":\"projects_updated\",\"data\":{\"computer\":\"%s\",\"projects\":[",
                unit_tree_computers[c]);
        for (int p = 0, n = 0; p < UNIT_TREE_PATHS; p++)
            if ((m->projects[c][p] = unit_tree_random(3) == 0))
                buf_fmt(&b, "%s{\"computer\":\"%s\",\"path\":\"%s\",\"name\":\"n%d\"}",
                        n++ ? "," : "", unit_tree_computers[c], unit_tree_paths[p], p);
        buf_str(&b, "]}}");
    } else {
        char key[80], *fold = m->folds[unit_tree_random(UNIT_TREE_FOLDS)];
        switch (unit_tree_random(4)) {
        case 0: snprintf(key, sizeof key, "c:%s", unit_tree_computers[unit_tree_random(2)]); break;
        case 1:
            snprintf(key, sizeof key, "p:vm:%s",
                     unit_tree_paths[unit_tree_random(UNIT_TREE_PATHS)]);
            break;
        default: snprintf(key, sizeof key, "s:id%02d", i); break;
        }
        if (*fold) {
            tree_set_folded(t, fold, 0);
            for (int k = 0; k < UNIT_TREE_FOLDS; k++)
                if (m->folds[k] != fold && strcmp(m->folds[k], fold) == 0)
                    m->folds[k][0] = '\0';
            *fold = '\0';
        } else {
            tree_set_folded(t, key, 1);
            strcpy(fold, key);
        }
    }
    if (b.n)
        tree_event(t, buf_view(&b));
    buf_free(&b);
}

static void unit_tree_against_model(void)
{
    for (int round = 0; round < 20 && !test_failures; round++) {
        struct tree t;
        struct unit_tree_model m;
        memset(&m, 0, sizeof m);
        tree_init(&t, "vm", "/home/me");
        unit_tree_say(&t, "{\"event\":\"computer_updated\",\"data\":{\"name\":\"other\"}}");
        for (int step = 0; step < 400 && !test_failures; step++) {
            unit_tree_step(&t, &m);
            if (unit_tree_random(3)) /* several events between two frames are usual */
                continue;
            buf got = {0};
            tree_build(&t);
            unit_tree_model_build(&m, "/home/me");
            unit_tree_put_rows(&t, &got);
            CHECK_SPAN(buf_view(&got), buf_cstr(&m.rows));
            if (test_failures)
                printf("#   round %d, step %d\n", round, step);
            for (int i = 0; i < t.row_count; i++)
                CHECK_INT(tree_find(&t, t.rows[i].key), i);
            buf_free(&got);
        }
        buf_free(&m.rows);
        tree_free(&t);
    }
}

/* ---- rings ---------------------------------------------------------------------------------- */

/* Whoever says that it was started by whom: every session has exactly one row, none deeper than the
 * limit. */
static void unit_tree_rings(void)
{
    for (int round = 0; round < 300 && !test_failures; round++) {
        int n = 1 + unit_tree_random(70);
        struct tree t;
        buf b = {0};
        tree_init(&t, "vm", NULL);
        for (int i = 0; i < n; i++) {
            int up = round % 3 == 0 ? (i + 1) % n : round % 3 == 1 ? i + 1 : unit_tree_random(n);
            buf_clear(&b);
            buf_fmt(&b,
                    "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"s%d\",\"computer\":"
                    "\"vm\","
                    "\"working_directory\":\"/d%d\",\"initiator_session_id\":\"s%d\"}}",
                    i, unit_tree_random(3), up);
            tree_event(&t, buf_view(&b));
        }
        tree_build(&t);
        int sessions = 0;
        for (int i = 0; i < t.row_count; i++) {
            sessions += t.rows[i].kind == TREE_SESSION;
            CHECK(t.rows[i].depth <= TREE_DEPTH_MAX + 2);
            CHECK_INT(tree_find(&t, t.rows[i].key), i);
        }
        CHECK_INT(sessions, n);
        buf_free(&b);
        tree_free(&t);
    }
}

static void unit_tree_numbers(void)
{
    struct tree t;
    buf b = {0}, want = {0};
    tree_init(&t, "vm", NULL);
    for (int i = 0; i < 9; i++) {
        buf_clear(&b);
        buf_fmt(&b,
                "{\"event\":\"session_created\",\"data\":{\"session_id\":\"s%d\",\"initiator_"
                "session_id\":\"s%d\"}}",
                i, i - 1);
        tree_event(&t, buf_view(&b));
    }
    tree_build(&t);
    for (int i = 0; i < 9; i++) {
        buf_str(&want, i ? ".1" : "1");
        struct tree_session *s = tree_session(&t, i == 0 ? "s0" : i == 8 ? "s8" : "s4");
        if (i == 0 || i == 4 || i == 8)
            CHECK_SPAN(span_of(s->number), buf_cstr(&want));
    }
    buf_free(&b);
    buf_free(&want);
    tree_free(&t);
}

/* ---- what daemons say ----------------------------------------------------------------------- */

/* Members may be missing, null or of another type; events may be unknown or no JSON. */
static void unit_tree_odd_events(void)
{
    static const char *const odd[] = {
        "",
        "[]",
        "nonsense",
        "{}",
        "{\"event\":1}",
        "{\"event\":\"session_updated\"}",
        "{\"event\":\"session_updated\",\"data\":[]}",
        "{\"event\":\"session_updated\",\"data\":{\"session_id\":7}}",
        "{\"event\":\"session_updated\",\"data\":{\"session_id\":null}}",
        "{\"event\":\"session_removed\",\"data\":{}}",
        "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"unknown\"}}",
        "{\"event\":\"sessions_initial\",\"data\":{}}",
        "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":{}}}",
        "{\"event\":\"computer_updated\",\"data\":{}}",
        "{\"event\":\"computer_removed\",\"data\":{\"name\":\"vm\"}}",
        "{\"event\":\"computer_removed\",\"data\":{\"name\":\"x\"}}",
        "{\"event\":\"projects_updated\",\"data\":{\"projects\":[{\"path\":\"/x\"}]}}",
        "{\"event\":\"projects_updated\",\"data\":{\"computer\":\"vm\",\"projects\":[{},{\"path\":"
        "\"\"},{\"path\":3}]}}",
        "{\"event\":\"preparation_initial\",\"data\":{\"projects\":null}}",
        "{\"event\":\"todos_updated\",\"data\":{}}"};
    struct tree t;
    tree_init(&t, "vm", "/here");
    tree_build(&t);
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        unit_tree_say(&t, odd[i]);
        tree_build(&t);
        CHECK_INT(t.row_count, 2);
        CHECK_INT(t.sessions.count, 0);
    }
    unit_tree_say(&t, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"bare\"}}");
    unit_tree_say(
        &t, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"odd\",\"title\":[1],"
            "\"computer\":null,"
            "\"working_directory\":{},\"created_at\":5,\"exit_code\":\"3\",\"state\":false}}");
    tree_build(&t);
    CHECK(tree_find(&t, "s:bare") > 0 && tree_find(&t, "s:odd") > 0);
    CHECK(tree_session(&t, "odd")->title == NULL && !tree_session(&t, "odd")->has_exit_code);
    tree_free(&t);
}

/* A change that moves nothing leaves the rows alone; one that moves something rebuilds them. */
static void unit_tree_dirty(void)
{
    struct tree t;
    tree_init(&t, "vm", "/here");
    unit_tree_say(
        &t, "{\"event\":\"session_created\",\"data\":{\"session_id\":\"a\",\"computer\":\"vm\","
            "\"working_directory\":\"/here\",\"last_output\":\"one\"}}");
    tree_build(&t);
    CHECK(!t.dirty);
    unit_tree_say(
        &t, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"a\",\"computer\":\"vm\","
            "\"working_directory\":\"/"
            "here\",\"last_output\":\"two\",\"title\":\"new\",\"exit_code\":0}}");
    CHECK(!t.dirty);
    CHECK_SPAN(span_of(tree_session(&t, "a")->last_output), "two");
    CHECK_SPAN(span_of(t.rows[2].session->title), "new");
    CHECK(tree_session(&t, "a")->has_exit_code);
    unit_tree_say(
        &t, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"a\",\"computer\":\"vm\","
            "\"working_directory\":\"/there\"}}");
    CHECK(t.dirty);
    CHECK(tree_session(&t, "a")->last_output == NULL && !tree_session(&t, "a")->has_exit_code);
    tree_build(&t);
    CHECK_INT(tree_find(&t, "p:vm:/there"), 2);
    tree_free(&t);
}

static void unit_tree_agents(void)
{
    static const struct {
        const char *command, *agent, *shown;
    } cases[] = {{"/usr/bin/vim a b", NULL, "vim"},
                 {"sh -c 'a b'", NULL, "sh"},
                 {"'/a b/c d' x", NULL, "c d"},
                 {NULL, NULL, "?"},
                 {"", NULL, "?"},
                 {"'open", NULL, "?"},
                 {"x", "claude", "claude"},
                 {"dir/", NULL, "dir/"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tree_session s = {0};
        buf b = {0};
        s.command = cases[i].command ? span_dup(span_of(cases[i].command)) : NULL;
        s.agent = cases[i].agent ? span_dup(span_of(cases[i].agent)) : NULL;
        tree_put_agent(&s, &b);
        CHECK_SPAN(buf_view(&b), cases[i].shown);
        buf_free(&b);
        free(s.command), free(s.agent);
    }
}

static void unit_tree(void)
{
    unit_tree_against_model();
    unit_tree_rings();
    unit_tree_numbers();
    unit_tree_odd_events();
    unit_tree_dirty();
    unit_tree_agents();
}
