/* Unit tests of tree: rows against a simple model under random events, rings of parents, the
 * project of a session, folds, filters and orders, and keys that stay constant. */

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
    buf rows; /* what outline_build must come to, a line each */
};

static void unit_tree_versions(void)
{
    test_begin("an older version than ours is one by its numbers, and no other text");
    CHECK(tree_is_older_version("0.0.9") && tree_is_older_version("0.0.10"));
    CHECK(tree_is_older_version("0.0") && !tree_is_older_version(TELEC_VERSION));
    CHECK(!tree_is_older_version("0.1.1") && !tree_is_older_version("0.2"));
    CHECK(!tree_is_older_version("10.0.0") && !tree_is_older_version("fake"));
    CHECK(!tree_is_older_version(""));
}

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
        for (int k = 0; k < 2 * UNIT_TREE_PATHS && !unit_tree_folded(m, key); k++) {
            int p = sorted[k % UNIT_TREE_PATHS],
                shown = m->projects[c][p] || (c == 0 && strcmp(unit_tree_paths[p], here) == 0);
            int inside = 0, asking = 0;
            for (int i = 0; i < UNIT_TREE_SESSIONS; i++)
                if (m->sessions[i].there && m->sessions[i].computer == c &&
                    unit_tree_project(m, i) == p) {
                    inside++;
                    asking += m->sessions[i].state == 1;
                }
            if ((!shown && !inside) || (inside > 0) != (k < UNIT_TREE_PATHS))
                continue; /* the empty ones last */
            char project_key[80];
            snprintf(project_key, sizeof project_key, "p:%s:%s", unit_tree_computers[c],
                     unit_tree_paths[p]);
            buf_fmt(&m->rows, "1 %s %d/%d\n", project_key, asking, inside);
            if (!unit_tree_folded(m, project_key))
                unit_tree_model_sessions(m, c, p, -1, 2, "");
        }
    }
}

static int unit_tree_is_number(const struct tree *t, const char *id, const char *want)
{
    buf number = {0};
    outline_put_number(tree_session(t, id), &number);
    int same = span_eq(buf_view(&number), want);
    buf_free(&number);
    return same;
}

static void unit_tree_put_rows(const struct tree *t, buf *b)
{
    for (int i = 0; i < t->row_count; i++) {
        const struct tree_row *row = &t->rows[i];
        buf_fmt(b, "%d %s ", row->depth, row->key);
        if (row->kind == TREE_SESSION)
            outline_put_number(row->session, b);
        else
            buf_fmt(b, "%d/%d", row->waiting, row->sessions);
        buf_byte(b, '\n');
    }
}

/* ---- events --------------------------------------------------------------------------------- */

static void unit_tree_say(struct tree *t, const char *text)
{
    models_event(t, NULL, span_of(text));
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
        models_event(t, NULL, buf_view(&b));
    buf_free(&b);
}

static void unit_tree_against_model(void)
{
    test_begin("rows and counts follow random events as a simple model does");
    for (int round = 0; round < 20 && !test_failures; round++) {
        struct tree t;
        struct unit_tree_model m;
        memset(&m, 0, sizeof m);
        outline_init(&t, "vm", "/home/me");
        unit_tree_say(&t, "{\"event\":\"computer_updated\",\"data\":{\"name\":\"other\"}}");
        for (int step = 0; step < 400 && !test_failures; step++) {
            unit_tree_step(&t, &m);
            if (unit_tree_random(3)) /* several events between two frames are usual */
                continue;
            buf got = {0};
            outline_build(&t);
            unit_tree_model_build(&m, "/home/me");
            unit_tree_put_rows(&t, &got);
            CHECK_SPAN(buf_view(&got), buf_cstr(&m.rows));
            if (test_failures)
                printf("#   round %d, step %d\n", round, step);
            for (int i = 0; i < t.row_count; i++)
                CHECK_INT(outline_find(&t, t.rows[i].key), i);
            buf_free(&got);
        }
        buf_free(&m.rows);
        outline_free(&t);
    }
}

/* ---- rings ---------------------------------------------------------------------------------- */

/* Whoever says that it was started by whom: every session has exactly one row, none deeper than the
 * limit. */
static void unit_tree_rings(void)
{
    test_begin("sessions that started each other in a ring are shown once");
    for (int round = 0; round < 300 && !test_failures; round++) {
        int n = 1 + unit_tree_random(70);
        struct tree t;
        buf b = {0};
        outline_init(&t, "vm", NULL);
        for (int i = 0; i < n; i++) {
            int up = round % 3 == 0 ? (i + 1) % n : round % 3 == 1 ? i + 1 : unit_tree_random(n);
            buf_clear(&b);
            buf_fmt(&b,
                    "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"s%d\",\"computer\":"
                    "\"vm\","
                    "\"working_directory\":\"/d%d\",\"initiator_session_id\":\"s%d\"}}",
                    i, unit_tree_random(3), up);
            models_event(&t, NULL, buf_view(&b));
        }
        outline_build(&t);
        int sessions = 0;
        for (int i = 0; i < t.row_count; i++) {
            sessions += t.rows[i].kind == TREE_SESSION;
            CHECK(t.rows[i].depth <= TREE_DEPTH_MAX + 2);
            CHECK_INT(outline_find(&t, t.rows[i].key), i);
        }
        CHECK_INT(sessions, n);
        buf_free(&b);
        outline_free(&t);
    }
}

/* The sanitizer sees a text that leaves its block. */
static void unit_tree_texts(void)
{
    static const struct {
        const char *object, *title, *choices, *computer;
    } cases[] = {
        {"\"title\":\"\"", "", NULL, "vm"},
        {"\"title\":\"\\n\\u00e9\\ud83d\\ude00\\\\\"", "\n\u00e9\U0001f600\\", NULL, "vm"},
        {"\"title\":\"\\ud800x\",\"choices\":[]", "\ufffdx", NULL, "vm"},
        {"\"choices\":[\"\",\"a\",5,null],\"title\":null", NULL, "\na\n\n\n", "vm"},
        {"\"title\":\"a\",\"title\":\"bc\",\"computer\":null,\"title\":[\"\"]", NULL, NULL, "vm"},
        {"\"choices\":\"no list\",\"computer\":\"\",\"title\":\"a\\u0000b\"", "a", NULL, ""},
        {"\"computer\":\"other\",\"mode\":5,\"branch\":true,\"title\":{\"a\":\"b\"}", NULL, NULL,
         "other"},
    };
    test_begin("a session's texts are those of its object, however they are written");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tree t;
        buf b = {0};
        outline_init(&t, "vm", NULL);
        for (int again = 0; again < 2; again++) {
            buf_clear(&b);
            buf_fmt(&b, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"s\",%s}}",
                    again ? cases[i].object : "\"title\":\"before\"");
            models_event(&t, NULL, buf_view(&b));
        }
        const struct tree_session *s = tree_session(&t, "s");
        CHECK(s && tree_equal(s->title, cases[i].title) &&
              tree_equal(s->choices, cases[i].choices) &&
              tree_equal(s->computer, cases[i].computer));
        outline_free(&t);
        buf_free(&b);
    }
}

static void unit_tree_many_members(void)
{
    test_begin("an object may have a member more often than there are members");
    struct tree t;
    buf b = {0};
    outline_init(&t, "vm", NULL);
    buf_str(&b, "{\"event\":\"session_created\",\"data\":{\"session_id\":\"s\"");
    for (int i = 0; i < 100; i++)
        buf_fmt(&b, ",\"title\":\"%d\",\"odd\":1", i);
    buf_str(&b, "}}");
    models_event(&t, NULL, buf_view(&b));
    CHECK(tree_session(&t, "s") && tree_session(&t, "s")->title);
    outline_free(&t);
    buf_free(&b);
}

static void unit_tree_numbers(void)
{
    test_begin("a session's number has a part for each session above it");
    struct tree t;
    buf b = {0}, want = {0};
    outline_init(&t, "vm", NULL);
    for (int i = 0; i < 9; i++) {
        buf_clear(&b);
        buf_fmt(&b,
                "{\"event\":\"session_created\",\"data\":{\"session_id\":\"s%d\",\"initiator_"
                "session_id\":\"s%d\"}}",
                i, i - 1);
        models_event(&t, NULL, buf_view(&b));
    }
    outline_build(&t);
    for (int i = 0; i < 9; i++) {
        buf_str(&want, i ? ".1" : "1");
        if (i == 0 || i == 4 || i == 8)
            CHECK(unit_tree_is_number(&t, i == 0 ? "s0" : i == 8 ? "s8" : "s4", buf_cstr(&want)));
    }
    buf_free(&b);
    buf_free(&want);
    outline_free(&t);
}

/* ---- what daemons say ----------------------------------------------------------------------- */

/* Members may be missing, null or of another type; events may be unknown or no JSON. */
static void unit_tree_odd_events(void)
{
    test_begin("events that are incomplete or malformed change nothing");
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
    outline_init(&t, "vm", "/here");
    outline_build(&t);
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        unit_tree_say(&t, odd[i]);
        outline_build(&t);
        CHECK_INT(t.row_count, 2);
        CHECK_INT(t.sessions.count, 0);
    }
    unit_tree_say(&t, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"bare\"}}");
    unit_tree_say(
        &t, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"odd\",\"title\":[1],"
            "\"computer\":null,"
            "\"working_directory\":{},\"created_at\":5,\"exit_code\":\"3\",\"state\":false}}");
    outline_build(&t);
    CHECK(outline_find(&t, "s:bare") > 0 && outline_find(&t, "s:odd") > 0);
    CHECK(tree_session(&t, "odd")->title == NULL && !tree_session(&t, "odd")->has_exit_code);
    outline_free(&t);
}

/* A change that moves nothing leaves the rows alone; one that moves something rebuilds them. */
static void unit_tree_dirty(void)
{
    test_begin("rows are built again only when something came, went or moved");
    struct tree t;
    outline_init(&t, "vm", "/here");
    unit_tree_say(
        &t, "{\"event\":\"session_created\",\"data\":{\"session_id\":\"a\",\"computer\":\"vm\","
            "\"working_directory\":\"/here\",\"last_output\":\"one\"}}");
    outline_build(&t);
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
    outline_build(&t);
    CHECK_INT(outline_find(&t, "p:vm:/there"), 1); /* the empty one is last */
    outline_free(&t);
}

static void unit_tree_agents(void)
{
    test_begin("a session without an agent is named after its program");
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
        s.command = cases[i].command;
        s.agent = cases[i].agent;
        tree_put_agent(&s, &b);
        CHECK_SPAN(buf_view(&b), cases[i].shown);
        buf_free(&b);
    }
}

/* ---- filter, order, focus, jumps ------------------------------------------------------------ */

static void unit_tree_add(struct tree *t, const char *id, const char *dir, const char *members)
{
    buf b = {0};
    buf_fmt(&b, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"%s\","
                "\"computer\":\"vm\",\"working_directory\":\"%s\"%s%s}}",
            id, dir, *members ? "," : "", members);
    unit_tree_say(t, buf_cstr(&b));
    buf_free(&b);
}

/* Keys of the rows, as they stand. */
static void unit_tree_check_keys(int line, struct tree *t, const char *want)
{
    buf got = {0};
    outline_build(t);
    for (int i = 0; i < t->row_count; i++) {
        buf_str(&got, i ? " " : "");
        buf_str(&got, t->rows[i].key);
    }
    if (!span_eq(buf_view(&got), want)) {
        printf("#   line %d: got \"%s\"\n#   wanted \"%s\"\n", line, buf_cstr(&got), want);
        test_failures++;
    }
    buf_free(&got);
}

#define CHECK_KEYS(t, want) unit_tree_check_keys(__LINE__, (t), (want))

static void unit_tree_few(struct tree *t)
{
    outline_init(t, "vm", NULL);
    unit_tree_say(t, "{\"event\":\"computer_updated\",\"data\":{\"name\":\"other\"}}");
    unit_tree_add(t, "a", "/x", "\"created_at\":\"2026-01-01T00:00:01Z\",\"title\":\"Make TESTS "
                                "pass\",\"active_agent\":\"claude\",\"state\":\"working\","
                                "\"last_activity\":\"2026-01-01T10:00:01Z\"");
    unit_tree_add(t, "b", "/x", "\"created_at\":\"2026-01-01T00:00:02Z\",\"initiator_session_id\":"
                                "\"a\",\"title\":\"review\",\"state\":\"waiting\",\"state_text\":"
                                "\"Shall I?\",\"last_activity\":\"2026-01-01T10:00:40Z\"");
    unit_tree_add(t, "c", "/x", "\"created_at\":\"2026-01-01T00:00:03Z\",\"command\":\"/bin/make "
                                "-j\",\"state\":\"idle\",\"unseen\":true,\"last_output\":\"All "
                                "done.\",\"last_activity\":\"2026-01-01T10:05:00Z\"");
    unit_tree_add(t, "d", "/w/site", "\"created_at\":\"2026-01-01T00:00:04Z\",\"title\":\"dev\","
                                     "\"state\":\"exited\",\"last_input\":\"go on\"");
    unit_tree_say(t, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"e\",\"computer\":"
                     "\"other\",\"working_directory\":\"/y\",\"title\":\"far away\",\"state\":"
                     "\"waiting\",\"created_at\":\"2026-01-01T00:00:05Z\"}}");
    unit_tree_say(t, "{\"event\":\"projects_updated\",\"data\":{\"computer\":\"other\",\"projects\""
                     ":[{\"computer\":\"other\",\"path\":\"/z\",\"name\":\"empty place\"}]}}");
}

static void unit_tree_filters(void)
{
    test_begin("a filter keeps sessions that have all words, and the rows above them");
    static const struct {
        const char *filter, *keys;
        int hits;
    } cases[] = {
        {"tests", "c:vm p:vm:/x s:a", 1},
        {"review", "c:vm p:vm:/x s:a s:b", 1}, /* with the one above it */
        {"SHALL i?", "c:vm p:vm:/x s:a s:b", 1},
        {"  pass   CLAUDE ", "c:vm p:vm:/x s:a", 1},
        {"pass nothing", "", 0},
        {"make", "c:vm p:vm:/x s:a s:c", 2}, /* a title; a program */
        {"done.", "c:vm p:vm:/x s:c", 1},
        {"go", "c:vm p:vm:/w/site s:d", 1},
        {"/w/", "c:vm p:vm:/w/site s:d", 1},
        {"other", "c:other p:other:/y s:e", 1},
        {"is:waiting", "c:vm p:vm:/x s:a s:b c:other p:other:/y s:e", 2},
        {"is:w", "c:vm p:vm:/x s:a s:b c:other p:other:/y s:e", 3}, /* working, too */
        {"is:waiting far", "c:other p:other:/y s:e", 1},
        {"is:unseen", "c:vm p:vm:/x s:c", 1},
        {"IS:EXITED", "c:vm p:vm:/w/site s:d", 1},
        {"is:nonsense", "", 0},
        {"empty", "c:other p:other:/z", 1}, /* a project with nothing in it */
        {"s\001\377", "", 0},
    };
    struct tree t;
    unit_tree_few(&t);
    tree_set_folded(&t, "p:vm:/x", 1); /* what is folded is looked through */
    tree_set_folded(&t, "c:other", 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        tree_set_filter(&t, cases[i].filter);
        CHECK_KEYS(&t, cases[i].keys);
        CHECK_INT(t.hits, cases[i].hits);
    }
    tree_set_filter(&t, "");
    CHECK_KEYS(&t, "c:vm p:vm:/w/site s:d p:vm:/x c:other");
    /* A change that makes or ends a hit brings and takes its row. */
    tree_set_filter(&t, "is:idle");
    CHECK_KEYS(&t, "c:vm p:vm:/x s:c");
    unit_tree_add(&t, "d", "/w/site", "\"state\":\"idle\"");
    CHECK_KEYS(&t, "c:vm p:vm:/w/site s:d p:vm:/x s:c");
    unit_tree_add(&t, "d", "/w/site", "\"state\":\"working\"");
    CHECK_KEYS(&t, "c:vm p:vm:/x s:c");
    outline_free(&t);
}

/* The search against strstr, with words that nearly match again and again. */
static void unit_tree_words(void)
{
    test_begin("a filter's words and their lengths are capped");
    for (int round = 0; round < 3000; round++) {
        struct filter_word w = {.n = 1 + unit_tree_random(8)};
        char word[FILTER_WORD_MAX + 1] = "", text[40] = "", lower[40] = "";
        for (int i = 0; i < w.n; i++)
            w.text[i] = (unsigned char)(word[i] = (char)('a' + unit_tree_random(2)));
        int n = unit_tree_random((int)sizeof text);
        for (int i = 0; i < n; i++) {
            lower[i] = (char)('a' + unit_tree_random(2));
            text[i] = (char)(lower[i] - 32 * unit_tree_random(2));
        }
        filter_prepare(&w);
        CHECK_INT(filter_has(&w, text), strstr(lower, word) != NULL);
    }
    /* Longer than what is kept, and more words than are kept: the rest is ignored. */
    struct tree t;
    buf many = {0};
    unit_tree_few(&t);
    for (int i = 0; i < 300; i++)
        buf_byte(&many, 'x');
    tree_set_filter(&t, buf_cstr(&many));
    CHECK_INT(t.filter.count, 1);
    CHECK_INT(t.filter.words[0].n, FILTER_WORD_MAX);
    buf_clear(&many);
    for (int i = 0; i < 50; i++)
        buf_str(&many, "e ");
    tree_set_filter(&t, buf_cstr(&many));
    CHECK_INT(t.filter.count, FILTER_WORDS_MAX);
    outline_build(&t);
    buf_free(&many);
    outline_free(&t);
}

static void unit_tree_orders(void)
{
    test_begin("each order sorts projects and sessions; numbers stay");
    struct tree t;
    unit_tree_few(&t);
    unit_tree_add(&t, "f", "/x", "\"created_at\":\"2026-01-01T00:00:00Z\",\"state\":\"idle\"");
    CHECK_KEYS(&t, "c:vm p:vm:/w/site s:d p:vm:/x s:f s:a s:b s:c c:other p:other:/y s:e "
                   "p:other:/z");
    CHECK(unit_tree_is_number(&t, "a", "2"));
    tree_set_order(&t, TREE_WAITING); /* the project, and what it started, go with the one */
    CHECK_KEYS(&t, "c:vm p:vm:/x s:a s:b s:f s:c p:vm:/w/site s:d c:other p:other:/y s:e "
                   "p:other:/z");
    CHECK(unit_tree_is_number(&t, "a", "2"));
    CHECK(unit_tree_is_number(&t, "b", "2.1"));
    unit_tree_add(&t, "c", "/x", "\"created_at\":\"2026-01-01T00:00:03Z\",\"state\":\"waiting\"");
    unit_tree_add(&t, "b", "/x", "\"created_at\":\"2026-01-01T00:00:02Z\",\"initiator_session_id\":"
                                 "\"a\",\"state\":\"idle\"");
    CHECK_KEYS(&t, "c:vm p:vm:/x s:c s:f s:a s:b p:vm:/w/site s:d c:other p:other:/y s:e "
                   "p:other:/z");
    tree_set_order(&t, TREE_RECENT);
    unit_tree_add(&t, "d", "/w/site", "\"last_activity\":\"2026-01-01T12:00:00Z\"");
    unit_tree_add(&t, "a", "/x", "\"created_at\":\"2026-01-01T00:00:01Z\",\"last_activity\":"
                                 "\"2026-01-01T11:00:00Z\"");
    CHECK_KEYS(&t, "c:vm p:vm:/w/site s:d p:vm:/x s:a s:b s:f s:c c:other p:other:/y s:e "
                   "p:other:/z");
    CHECK(!t.dirty);
    unit_tree_add(&t, "a", "/x", "\"created_at\":\"2026-01-01T00:00:01Z\",\"last_activity\":"
                                 "\"2026-01-01T11:00:59Z\"");
    CHECK(!t.dirty); /* within the same minute nothing moves */
    outline_free(&t);
}

static void unit_tree_focus(void)
{
    test_begin("a computer in focus shows only its rows, one level higher");
    struct tree t;
    unit_tree_few(&t);
    tree_set_focus(&t, "other");
    CHECK_KEYS(&t, "p:other:/y s:e p:other:/z");
    CHECK_INT(t.rows[0].depth, 0);
    CHECK_INT(t.rows[1].depth, 1);
    CHECK_INT(t.rows[0].waiting, 1);
    unit_tree_say(&t, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"e\",\"computer\":"
                      "\"other\",\"working_directory\":\"/y\",\"title\":\"far away\",\"state\":"
                      "\"idle\",\"created_at\":\"2026-01-01T00:00:05Z\"}}");
    CHECK(!t.dirty);
    CHECK_INT(t.rows[0].waiting, 0);
    tree_set_filter(&t, "is:waiting"); /* there is one elsewhere */
    CHECK_KEYS(&t, "");
    tree_set_filter(&t, NULL);
    unit_tree_say(&t, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"e\"}}");
    unit_tree_say(&t, "{\"event\":\"computer_removed\",\"data\":{\"name\":\"other\"}}");
    outline_build(&t);
    CHECK(t.focus == NULL); /* it has gone */
    CHECK(outline_find(&t, "c:vm") == 0);
    outline_free(&t);
}

static void unit_tree_jumps(void)
{
    test_begin("the next waiting session is found and unfolded, a number in its project first");
    struct tree t;
    unit_tree_few(&t);
    outline_build(&t);
    CHECK_INT(outline_next_waiting(&t, 0), outline_find(&t, "s:b"));
    CHECK_INT(outline_next_waiting(&t, outline_find(&t, "s:b")), outline_find(&t, "s:e"));
    CHECK_INT(outline_next_waiting(&t, outline_find(&t, "s:e")), outline_find(&t, "s:b"));
    outline_fold_all(&t, 1);
    CHECK_KEYS(&t, "c:vm p:vm:/w/site p:vm:/x c:other p:other:/y p:other:/z");
    CHECK_INT(t.rows[2].waiting, 1);
    tree_set_folded(&t, "s:a", 1);
    tree_set_folded(&t, "c:vm", 1);
    int at = outline_next_waiting(&t, 0); /* unfolds what it is in, and nothing else */
    CHECK_KEYS(&t, "c:vm p:vm:/w/site p:vm:/x s:a s:b s:c c:other p:other:/y p:other:/z");
    CHECK_INT(at, outline_find(&t, "s:b"));
    outline_fold_all(&t, 0);
    CHECK_INT(t.folds.count, 0);
    outline_build(&t);
    CHECK_INT(outline_find_number(&t, outline_find(&t, "s:b"), "1"), outline_find(&t, "s:a"));
    CHECK_INT(outline_find_number(&t, outline_find(&t, "s:e"), "1"), outline_find(&t, "s:e"));
    CHECK_INT(outline_find_number(&t, outline_find(&t, "s:e"), "1.1"), outline_find(&t, "s:b"));
    CHECK_INT(outline_find_number(&t, 0, "1"), outline_find(&t, "s:d"));
    CHECK_INT(outline_find_number(&t, 0, "9"), -1);
    tree_set_filter(&t, "is:nonsense");
    CHECK_INT(outline_next_waiting(&t, 3), -1);
    CHECK_INT(outline_find_number(&t, 3, "1"), -1);
    outline_free(&t);
}

static void unit_tree_lines(void)
{
    test_begin("each row knows the line at which it begins");
    struct tree t;
    int lines = 0;
    unit_tree_few(&t);
    outline_build(&t);
    for (int i = 0; i < t.row_count; i++) {
        int n = t.rows[i].session ? tree_session_lines(t.rows[i].session, 1) : 1;
        CHECK_INT(t.rows[i].line[1], lines);
        for (int k = 0; k < n; k++)
            CHECK_INT(outline_row_at(&t, lines + k, 1), i);
        lines += n;
    }
    CHECK_INT(t.lines[1], lines);
    CHECK_INT(outline_row_at(&t, lines + 10, 1), t.row_count - 1);
    unit_tree_add(&t, "d", "/w/site", "\"created_at\":\"2026-01-01T00:00:04Z\",\"last_input\":"
                                      "\"go on\",\"last_output\":\"one more line\"");
    CHECK(t.dirty); /* the rows below it begin elsewhere */
    outline_build(&t);
    CHECK_INT(t.lines[1], lines + 1);
    outline_free(&t);
}

/* Focus, order and folds of one UI are taken over by the next; garbage is passed over. */
static void unit_tree_state(void)
{
    test_begin("folds, focus and order survive a restart");
    static const char *const garbage[] = {
        "{}", "[]", "3", "{\"folds\":3,\"order\":[],\"focus\":{}}",
        "{\"folds\":[null,\"\",\"x\",\"c\",\"q:1\",[],{}],\"order\":\"sideways\"}"};
    struct tree one, two;
    struct json state;
    buf b = {0};
    unit_tree_few(&one);
    unit_tree_few(&two);
    tree_set_focus(&one, "vm");
    tree_set_order(&one, TREE_RECENT);
    tree_set_folded(&one, "s:a", 1);
    tree_set_folded(&one, "s:is gone", 1);
    tree_set_folded(&one, "c:other", 1);
    json_open(&b, '{');
    tree_put_state(&one, &b);
    json_close(&b, '}');
    CHECK_SPAN(buf_view(&b),
               "{\"focus\":\"vm\",\"order\":\"recent\",\"folds\":[\"c:other\",\"s:a\"]}");
    CHECK(json_parse(buf_view(&b), &state, NULL, NULL) == PARSE_DONE);
    tree_load_state(&two, state);
    CHECK_KEYS(&two, "p:vm:/x s:c s:a p:vm:/w/site s:d");
    for (size_t i = 0; i < COUNT_OF(garbage); i++) {
        CHECK(json_parse(span_of(garbage[i]), &state, NULL, NULL) == PARSE_DONE);
        tree_load_state(&two, state);
        CHECK_KEYS(&two, "p:vm:/x s:c s:a p:vm:/w/site s:d");
    }
    for (int i = 0; i < 2000; i++) {
        char key[24];
        snprintf(key, sizeof key, "p:vm:/%d", i);
        tree_set_folded(&two, key, 1);
    }
    buf_clear(&b);
    tree_put_state(&two, &b); /* the file has room for it all */
    CHECK(b.n > NAMES_SAVED_MAX && b.n < STORE_RECORD_MAX / 3);
    buf_free(&b);
    outline_free(&one);
    outline_free(&two);
}

static void unit_tree_availability(void)
{
    test_begin("an agent that can't be started keeps its reason and its time");
    struct tree t;
    outline_init(&t, "vm", NULL);
    unit_tree_say(&t, "{\"event\":\"agents_updated\",\"data\":{\"claude\":{\"agent\":\"claude\","
                      "\"available\":true,\"unavailable_until\":null,\"reason\":null},\"codex\":{"
                      "\"available\":false,\"unavailable_until\":\"1970-01-01T00:00:05Z\","
                      "\"reason\":\"rate limit\"},\"odd\":7}}");
    CHECK_INT(t.agent_count, 3);
    CHECK_SPAN(span_of(t.agents[0].name), "claude");
    CHECK(t.agents[0].available && !t.agents[0].reason && !t.agents[0].until);
    CHECK(!t.agents[1].available);
    CHECK_SPAN(span_of(t.agents[1].reason), "rate limit");
    CHECK_INT(t.agents[1].until, 5000);
    CHECK(t.agents[2].available); /* nothing speaks against it */
    unit_tree_say(&t, "{\"event\":\"agents_updated\",\"data\":[]}");
    CHECK_INT(t.agent_count, 3);
    unit_tree_say(&t, "{\"event\":\"agents_updated\",\"data\":{}}");
    CHECK_INT(t.agent_count, 0);
    outline_free(&t);
}

static void unit_tree(void)
{
    unit_tree_against_model();
    unit_tree_rings();
    unit_tree_texts();
    unit_tree_many_members();
    unit_tree_numbers();
    unit_tree_versions();
    unit_tree_odd_events();
    unit_tree_dirty();
    unit_tree_agents();
    unit_tree_filters();
    unit_tree_words();
    unit_tree_orders();
    unit_tree_focus();
    unit_tree_jumps();
    unit_tree_lines();
    unit_tree_state();
    unit_tree_availability();
}
