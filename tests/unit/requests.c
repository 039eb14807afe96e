/* Unit tests of requests: every command of another computer, what is refused, and to whom. */

struct unit_requests {
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    struct unit_fleet_holder h;
    unsigned number;
    const char *said;
};

static void unit_requests_begin(struct unit_requests *r)
{
    *r = (struct unit_requests){0};
    unit_fleet_begin(&r->u);
    r->a = unit_fleet_new(&r->u, "hosta");
    unit_fleet_start(r->a);
    UNIT_FLEET_UNTIL(&r->u, r->a->fleet.messages.link);
    unit_fleet_hold(r->a, &r->h, "s1");
}

static void unit_requests_end(struct unit_requests *r)
{
    unit_fleet_hang_up(&r->h); /* first: what is left of the daemon's side is not unwatched */
    unit_fleet_stop(r->a);
    unit_fleet_end(&r->u);
}

/* Sends a command with one more field; the reply's entry. */
static const char *unit_requests_ask(struct unit_requests *r, const char *command, const char *name,
                                     const char *value)
{
    char id[32];
    snprintf(id, sizeof id, "%u-1", 1000 + ++r->number);
    unit_fleet_send(&r->u, "messages:hosta", id,
                    (const char *const[]){"command", command, "initiator", "python", name, value,
                                          NULL});
    r->said = NULL;
    UNIT_FLEET_UNTIL(&r->u, (r->said = unit_fleet_reply(&r->u, id)));
    return r->said ? r->said : "";
}

static void unit_requests_gives(struct unit_requests *r, const char *command, const char *want)
{
    const char *said = unit_requests_ask(r, command, NULL, NULL);
    CHECK(strstr(said, want) != NULL);
    if (!strstr(said, want))
        printf("#   %s: %s\n", command, said);
}

static void unit_requests_reading(void)
{
    struct unit_requests r;
    char path[200];
    test_begin("lists, transcripts and screens are given to everybody");
    unit_requests_begin(&r);
    r.a->config.allow = (char *)"";
    unit_requests_gives(&r, "list_sessions", "\"session_id\":\"s1\"");
    CHECK(strstr(r.said, "\"computer\"") == NULL);
    unit_requests_gives(&r, "/list_projects", "\"data\":[]");
    projects_add(&r.a->projects, r.u.dir, "name", "text");
    unit_requests_gives(&r, "list_projects", "\"description\":\"text\",\"desc\":\"text\"");
    unit_requests_gives(&r, "list_todos", "a project's path is expected");
    unit_requests_gives(&r, "list_todos /nowhere", "\"data\":[]");
    snprintf(path, sizeof path, "%s/todos", r.u.dir), mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/todos/roadmap.md", r.u.dir);
    FILE *roadmap = fopen(path, "wb");
    CHECK(roadmap && fputs("# R\n\n- [ ] one\n", roadmap) >= 0 && fclose(roadmap) == 0);
    snprintf(path, sizeof path, "[\"%s\"]", r.u.dir); /* as TeleClaude's json.dumps writes it */
    CHECK(strstr(unit_requests_ask(&r, "list_todos", "args", path), "\"slug\":\"one\""));
    unit_requests_gives(&r, "get_computer_info", "\"user\":\"ann\",\"role\":\"development\"");
    CHECK(strstr(unit_requests_ask(&r, "get_session_data", "session_id", "s1"), "the text"));
    CHECK(strstr(unit_requests_ask(&r, "get_session_data -1", "session_id", "s1"), "BAD_REQUEST"));
    CHECK(strstr(unit_requests_ask(&r, "get_session_data 3", "session_id", "s1"), "ext") != NULL);
    CHECK(strstr(unit_requests_ask(&r, "get_session_data x", "session_id", "s1"), "BAD_REQUEST"));
    static const char *const forms[] = {"get_session_data 2026-01-01T00:00:00 3",
                                        "get_session_data 2026-01-01T00:00:00Z - 3",
                                        "get_session_data - - 3"};
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        CHECK(strstr(unit_requests_ask(&r, forms[i], "session_id", "s1"), "\"messages\":\"ext\""));
    CHECK(strstr(unit_requests_ask(&r, "get_session_data 3 x", "session_id", "s1"), "BAD_REQUEST"));
    unit_requests_gives(&r, "screen s1", "\"data\":{\"screen\":1}");
    unit_requests_gives(&r, "screen nosuch", "NOT_FOUND");
    unit_requests_end(&r);
}

static void unit_requests_refused(void)
{
    struct unit_requests r;
    test_begin("a computer that [peers] allow does not name changes nothing");
    unit_requests_begin(&r);
    r.a->config.allow = (char *)"other, third";
    unit_requests_gives(&r, "message s1 hello", "FORBIDDEN");
    unit_requests_gives(&r, "end_session s1", "FORBIDDEN");
    unit_requests_gives(&r, "new_session x", "FORBIDDEN");
    r.a->config.allow = (char *)"other, python";
    CHECK(strstr(unit_requests_ask(&r, "message it's me", "session_id", "s1"), "\"data\":null"));
    CHECK(unit_fleet_has(&r.h.asked, "\"text\":\"it's me\""));
    unit_fleet_beat(&r.u, "python", ",\"telec\":\"1\"", 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_knows(r.a, "python"));
    CHECK(strstr(unit_requests_ask(&r, "message 'a' b", "session_id", "s1"), "delivered"));
    CHECK(unit_fleet_has(&r.h.asked, "\"text\":\"a b\""));

    test_begin("unknown commands get an error, system messages no answer");
    unit_requests_gives(&r, "explode", "NO_HANDLER");
    unit_requests_gives(&r, "", "NO_HANDLER");
    buf_clear(&r.u.asked);
    char id[32];
    snprintf(id, sizeof id, "%u-1", 1000 + ++r.number);
    unit_fleet_send(&r.u, "messages:hosta", id,
                    (const char *const[]){"command", "deploy", "type", "system", "from_computer",
                                          "python", NULL});
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.u.logged, "system message of python"));
    unit_fleet_for(&r.u, 30);
    CHECK(!unit_fleet_has(&r.u.asked, "XADD output:"));
    CHECK_INT(r.a->requests.job_count, 0);

    test_begin("requests past REQUESTS_MAX are refused");
    r.a->requests.job_count += REQUESTS_MAX;
    unit_requests_gives(&r, "list_sessions", "BUSY");
    r.a->requests.job_count -= REQUESTS_MAX;
    unit_requests_gives(&r, "list_sessions", "success");
    CHECK_INT(requests_is_busy(&r.a->requests), 0);
    unit_requests_end(&r);
}

/* A change of session s1, signed for the entry `id` with that secret; the reply's entry. */
static const char *unit_requests_signed_by(struct unit_requests *r, const char *secret,
                                           const char *id, const char *signed_id,
                                           const char *command)
{
    char asked[24];
    buf fields = {0}, signature = {0};
    struct codec_id at;
    snprintf(asked, sizeof asked, "%lld", streams_now(&r->a->fleet.streams));
    const char *const entry[] = {"command", command,    "initiator", "hostb",   "session_id",
                                 "s1",      "asked_ms", asked,       "wait_ms", "4000"};
    for (size_t i = 0; i < COUNT_OF(entry); i++)
        resp_put_arg(&fields, span_of(i == 1 ? "rename signed" : entry[i]));
    codec_parse_id(span_of(signed_id), &at);
    signature_put(&signature, span_of(secret), "messages:hosta", at, buf_view(&fields));
    unit_fleet_send(&r->u, "messages:hosta", id,
                    (const char *const[]){entry[0], entry[1], entry[2], entry[3], entry[4],
                                          entry[5], entry[6], entry[7], entry[8], entry[9],
                                          SIGNATURE_FIELD, buf_cstr(&signature), NULL});
    r->said = NULL;
    UNIT_FLEET_UNTIL(&r->u, (r->said = unit_fleet_reply(&r->u, id)));
    buf_free(&fields), buf_free(&signature);
    return r->said ? r->said : "";
}

static void unit_requests_signed(void)
{
    static const char rename[] = "rename signed";
    struct unit_requests r;
    test_begin("with a secret only signed requests change something");
    unit_requests_begin(&r);
    buf_str(&r.a->fleet.streams.secret, "sesame");
    unit_requests_gives(&r, "rename s1 unsigned", "FORBIDDEN");
    CHECK(strstr(r.said, "only signed requests") != NULL);
    unit_requests_gives(&r, "list_sessions", "success");
    r.a->config.unsigned_peers = (char *)"other, python";
    CHECK(strstr(unit_requests_ask(&r, "rename python's", "session_id", "s1"), "renamed"));
    r.a->config.unsigned_peers = NULL;
    CHECK(strstr(unit_requests_signed_by(&r, "sesame", "2000-1", "2000-1", rename), "renamed"));
    CHECK_SPAN(span_of(r.h.session->title), "signed");
    CHECK(strstr(unit_requests_signed_by(&r, "sesam", "2001-1", "2001-1", rename), "is wrong"));
    CHECK(strstr(unit_requests_signed_by(&r, "sesame", "2002-1", "2001-1", rename), "is wrong"));
    CHECK(strstr(unit_requests_signed_by(&r, "sesame", "2003-1", "2003-1", "rename x"),
                 "is wrong"));
    r.a->config.allow = (char *)"laptop";
    CHECK(strstr(unit_requests_signed_by(&r, "sesame", "2004-1", "2004-1", rename), "FORBIDDEN"));
    r.a->config.allow = (char *)"*";

    test_begin("a signed request that is repeated is not carried out again");
    sessions_rename(r.h.session, "before");
    unit_fleet_drop(&r.u, "messages:hosta");
    unit_fleet_drop(&r.u, "output:2000-1");
    redis_restart(&r.a->fleet.streams.calls);
    UNIT_FLEET_UNTIL(&r.u, !r.a->fleet.messages.link);
    unit_fleet_send(&r.u, "messages:hosta", "1-1", (const char *const[]){"command", "x", NULL});
    UNIT_FLEET_UNTIL(&r.u, r.a->fleet.messages.link);
    CHECK_INT(r.a->fleet.messages.at.ms, 2004);
    CHECK(unit_fleet_has(&r.u.logged, "requests are read from 2004-1 on"));
    CHECK(strstr(unit_requests_signed_by(&r, "sesame", "2005-1", "2005-1", rename), "renamed"));
    unit_requests_end(&r);
}

static void unit_requests_secret(void)
{
    struct config c = {0};
    char dir[64], path[96];
    buf secret = {0}, error = {0};
    test_begin("a secret comes from the configuration or a file; an unusable file is an error");
    CHECK_INT(signature_read_secret(&c, &secret, &error), 0);
    CHECK_INT(secret.n, 0);
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    snprintf(path, sizeof path, "%s/secret", dir);
    c.secret_file = path;
    CHECK_INT(signature_read_secret(&c, &secret, &error), -1);
    CHECK(strstr(buf_cstr(&error), "cannot read the [peers] secret_file") != NULL);
    buf_clear(&error);
    CHECK_INT(store_write(dir, "secret", span_of("\r\n")), 0);
    CHECK_INT(signature_read_secret(&c, &secret, &error), -1);
    CHECK(strstr(buf_cstr(&error), "is empty") != NULL);
    buf_clear(&error);
    CHECK_INT(store_write(dir, "secret", span_of("of a file\n")), 0);
    CHECK_INT(signature_read_secret(&c, &secret, &error), 0);
    CHECK_SPAN(buf_view(&secret), "of a file");
    buf_free(&secret);
    c.secret = (char *)"given";
    CHECK_INT(signature_read_secret(&c, &secret, &error), 0);
    CHECK_SPAN(buf_view(&secret), "given");
    buf_free(&secret), buf_free(&error);
    unlink(path), rmdir(dir);
}

static void unit_requests_typing(void)
{
    struct unit_requests r;
    test_begin("messages, types, keys, cd and agents reach the session's holder");
    unit_requests_begin(&r);
    CHECK(strstr(unit_requests_ask(&r, "message", "session_id", "s1"), "a text is expected"));
    CHECK(strstr(unit_requests_ask(&r, "type abc", "session_id", "s1"), "data\":null"));
    CHECK(unit_fleet_has(&r.h.asked, "\"text\":\"abc\",\"enter\":false"));
    CHECK(strstr(unit_requests_ask(&r, "cd '/a b'", "session_id", "s1"), "data\":null"));
    CHECK(unit_fleet_has(&r.h.asked, "cd '/a b'"));
    CHECK(strstr(unit_requests_ask(&r, "cd", "session_id", "s1"), "a path is expected"));
    CHECK(strstr(unit_requests_ask(&r, "keys key_up 3", "session_id", "s1"), "sent"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "\"key\":\"key_up\",\"count\":3"));
    CHECK(strstr(unit_requests_ask(&r, "keys nosuch", "session_id", "s1"), "BAD_REQUEST"));
    CHECK(strstr(unit_requests_ask(&r, "keys key_up 0", "session_id", "s1"), "BAD_REQUEST"));
    CHECK(strstr(unit_requests_ask(&r, "keys key_up 101", "session_id", "s1"), "BAD_REQUEST"));
    CHECK(strstr(unit_requests_ask(&r, "agent nosuch", "session_id", "s1"), "no such agent"));
    CHECK(strstr(unit_requests_ask(&r, "/claude slow x", "session_id", "s1"), "data\":null"));
    CHECK(unit_fleet_has(&r.h.asked, "claude"));
    CHECK(strstr(unit_requests_ask(&r, "/shell", "session_id", "s1"), "NO_HANDLER"));

    test_begin("a title of 1 to 400 bytes renames");
    CHECK(strstr(unit_requests_ask(&r, "rename new name", "session_id", "s1"), "renamed"));
    CHECK_SPAN(span_of(r.h.session->title), "new name");
    CHECK(strstr(unit_requests_ask(&r, "rename", "session_id", "s1"), "BAD_REQUEST"));
    char longest[420];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "rename ", 7);
    longest[7 + REQUESTS_TITLE_MAX + 1] = '\0';
    CHECK(strstr(unit_requests_ask(&r, longest, "session_id", "s1"), "BAD_REQUEST"));
    longest[7 + REQUESTS_TITLE_MAX] = '\0';
    CHECK(strstr(unit_requests_ask(&r, longest, "session_id", "s1"), "renamed"));
    unit_requests_end(&r);
}

static void unit_requests_ends(void)
{
    struct unit_requests r;
    test_begin("an end can be undone for the seconds that were given");
    unit_requests_begin(&r);
    unit_requests_gives(&r, "end_session s1 5", "\"undo_s\":5");
    CHECK(cache_find(&r.a->cache, "s1") == NULL);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "p{\"undo_ms\":"));
    unit_requests_gives(&r, "restore_session nosuch", "NOT_FOUND");
    unit_requests_gives(&r, "restore_session s1", "restored");
    CHECK(cache_find(&r.a->cache, "s1") != NULL);

    test_begin("an end is told once the holder has gone");
    unit_fleet_send(&r.u, "messages:hosta", "2000-1",
                    (const char *const[]){"command", "end_session s1", "initiator", "p", NULL});
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "\nk\n"));
    CHECK(unit_fleet_reply(&r.u, "2000-1") == NULL);
    CHECK_INT(requests_is_busy(&r.a->requests), 1);
    CHECK_INT(store_write(r.h.session->dir, "exit.json",
                          span_of("{\"state\":\"exited\",\"exit_code\":0}")), 0);
    for (int i = 0; i < UNIT_FLEET_VIEWERS; i++)
        if (r.h.viewers[i].used)
            conn_close(&r.h.viewers[i].conn, NULL);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_reply(&r.u, "2000-1"));
    CHECK(strstr(unit_fleet_reply(&r.u, "2000-1"), "ended") != NULL);
    CHECK(cache_find(&r.a->cache, "s1") == NULL);
    unit_requests_end(&r);

    test_begin("a session that has exited takes no text, and its log is its transcript");
    unit_requests_begin(&r);
    buf_clear(&r.h.session->status);
    buf_str(&r.h.session->status, "{\"state\":\"exited\"}");
    CHECK(strstr(unit_requests_ask(&r, "message hi", "session_id", "s1"), "ENDED"));
    CHECK(strstr(unit_requests_ask(&r, "keys key_up", "session_id", "s1"), "ENDED"));
    CHECK(strstr(unit_requests_ask(&r, "screen", "session_id", "s1"), "ENDED"));
    CHECK(strstr(unit_requests_ask(&r, "view tok screen -", "session_id", "s1"), "ENDED"));
    CHECK(strstr(unit_requests_ask(&r, "get_session_data", "session_id", "s1"), "success"));
    unit_requests_end(&r);
}

static void unit_requests_new(void)
{
    static const char *const bad[] = {"nonsense", "agent", "nonsense 'x", "'", "agents shell slow"};
    struct unit_requests r;
    test_begin("a malformed auto_command, or a project_dir that is not absolute, starts nothing");
    unit_requests_begin(&r);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(strstr(unit_requests_ask(&r, "new_session t", "auto_command", bad[i]),
                     "auto_command: agent AGENT MODE"));
    }
    CHECK(strstr(unit_requests_ask(&r, "new_session t", "project_dir", "relative/path"),
                 "project_dir: an absolute path, or one that begins with ~"));
    CHECK(strstr(unit_requests_ask(&r, "new_session t", "auto_command", "agent nosuch slow"),
                 "NOT_STARTED"));
    CHECK(strstr(unit_requests_ask(&r, "new_session t", "project_dir", "/dev/null/dir"),
                 "NOT_STARTED"));
    CHECK_INT(r.a->sessions.count, 1);
    unit_requests_end(&r);

    test_begin("the reply about a new session tells that its command is queued");
    unit_requests_begin(&r);
    unit_requests_ask(&r, "new_session t", "auto_command", "agent shell");
    CHECK(strstr(r.said, "\"session_id\":") && strstr(r.said, "\"queued\""));
    struct session *begun = r.a->sessions.first;
    begun = begun == r.h.session ? begun->next : begun;
    CHECK(begun && strstr(unit_requests_ask(&r, "end_session", "session_id", begun->id), "ended"));
    unit_requests_end(&r);

    test_begin("the words behind an agent's mode are its prompt, and the mode may be missing");
    struct session_plan plan = {0};
    buf prompt = {0};
    char *none[] = {(char *)"agent", (char *)"claude", NULL};
    char *moded[] = {(char *)"agent_then_message", (char *)"claude", (char *)"fast", (char *)"do",
                     (char *)"it", NULL};
    CHECK_INT(requests_read_auto(none, &plan, &prompt), 1);
    CHECK_SPAN(span_of(plan.agent), "claude");
    CHECK(plan.mode == NULL);
    CHECK_INT(requests_read_auto(moded, &plan, &prompt), 1);
    CHECK_SPAN(span_of(plan.mode), "fast");
    CHECK_SPAN(span_of(plan.message), "do it");
    CHECK_INT(requests_read_auto(NULL, &plan, &prompt), 1);
    CHECK_SPAN(span_of(plan.agent), "shell");
    buf_free(&prompt);

    test_begin("of channel_metadata only a possible size and a plain initiator count");
    static const struct {
        const char *metadata;
        int cols, rows, initiator;
    } rows[] = {
        {"{\"telec\":{\"cols\":100,\"rows\":50,\"initiator_session_id\":\"s\"}}", 100, 50, 1},
        {"{\"telec\":{\"cols\":0,\"rows\":50}}", 80, 24, 0},
        {"{\"telec\":{\"cols\":100,\"rows\":1000000}}", 80, 24, 0},
        {"{\"telec\":{\"initiator_session_id\":\"../s\"}}", 80, 24, 0},
        {"nonsense", 80, 24, 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *initiator;
        plan = (struct session_plan){0};
        requests_read_metadata(span_of(rows[i].metadata), &plan, &initiator);
        CHECK_INT(plan.cols, rows[i].cols);
        CHECK_INT(plan.rows, rows[i].rows);
        CHECK_INT(plan.initiator != NULL, rows[i].initiator);
        free(initiator);
    }
}

static void unit_requests_signatures(void)
{
    char a[] = "abcd", b[] = "abcd";
    test_begin("a signature with any byte changed, or of another length, is another one");
    CHECK_INT(signature_is_same(span_of(a), span_of(b)), 1);
    for (size_t i = 0; i < 4; i++, b[i - 1] ^= 1) {
        b[i] ^= 1;
        CHECK_INT(signature_is_same(span_of(a), span_of(b)), 0);
    }
    CHECK_INT(signature_is_same(span_of(a), span_of("abc")), 0);
    CHECK_INT(signature_is_same(span_of(a), span_of("abcde")), 0);
}

static void unit_requests(void)
{
    unit_requests_signatures();
    unit_requests_reading();
    unit_requests_refused();
    unit_requests_signed();
    unit_requests_secret();
    unit_requests_typing();
    unit_requests_ends();
    unit_requests_new();
}
