/* agents - sessions of a program that looks like an AI agent: its dialogs, messages, first
 * prompt. */

/* Starts the tests' own agent under a name that the agents' table has. */
static char *start_agent(const char *late, const char *more)
{
    char *path = format("%s/claude", e2e.dir);
    unlink(path);
    if (symlink(e2e.self, path) != 0)
        e2e_die(path);
    return start(
        format("\"command\": %s%s", json_array(path, "program", "agent", late, NULL), more));
}

static void test_agent_dialog(void)
{
    daemon_start();
    char *id = start_agent(NULL, "");
    AWAIT(strstr(transcript(id), "shortcuts"));
    CHECK_HAS(say(id, "ask").body, "delivered");
    long long began = now_ms();
    AWAIT_SESSION(id, "waits_for", "choice");
    CHECK(now_ms() - began < 1000);
    CHECK_TEXT(session_get(id, "state_text"), "Bash: rm -rf build");
    struct reply r = say(id, "stop that");
    CHECK_INT(r.status, 409);
    CHECK_TEXT(r.body, "{\"detail\":\"waiting: Bash: rm -rf build\"}");
    r = call("POST", session_path(id, "/answer"), "{\"answer\": \"maybe\"}");
    CHECK_INT(r.status, 409);
    r = call("POST", session_path(id, "/answer"), "{\"answer\": \"no\"}");
    CHECK_TEXT(r.body, "{\"status\":\"success\",\"result\":\"answered\"}");
    CHECK_HAS(transcript(id), "chose 2");
    CHECK(!strstr(transcript(id), "harmed"));
    r = call("POST", session_path(id, "/answer"), "{\"answer\": \"no\"}");
    CHECK_TEXT(r.body, "{\"detail\":\"no choice: it asks nothing\"}");
}

/* It swallows an Enter that comes sooner than 100 ms after a paste. */
static void test_agent_messages(void)
{
    daemon_start();
    char *id = start_agent(NULL, "");
    AWAIT(strstr(transcript(id), "shortcuts"));
    for (int i = 0; i < 2; i++) {
        struct reply r = say(id, format("message %d", i));
        CHECK_TEXT(r.body, "{\"status\":\"success\",\"result\":\"delivered\"}");
        CHECK_TEXT(session_get(id, "state"), "working");
        CHECK_HAS(transcript(id), format("ANSWER to: message %d", i));
        CHECK_TEXT(session_get(id, "last_input"), format("message %d", i));
        AWAIT_SESSION(id, "state", "idle");
    }
    CHECK_TEXT(session_get(id, "last_output"), "ANSWER to: message 1");
    CHECK_HAS(say(id, "/help").body, "delivered"); /* answered at once */
    CHECK_TEXT(session_get(id, "state"), "working");
    AWAIT_SESSION(id, "state", "idle");
    CHECK_TEXT(session_get(id, "state_source"), "screen"); /* not by its silence, later */
    CHECK_INT(call("POST", session_path(id, "/message"),
                   "{\"message\": \"half\", \"enter\": false}").status, 200);
    struct reply r = say(id, "whole");
    CHECK_INT(r.status, 409);
    CHECK_TEXT(r.body, "{\"detail\":\"draft: half\"}");
}

/* A user starts a shell and types the agent's name there. */
static void test_agent_in_shell(void)
{
    daemon_start();
    char *path = format("%s/claude", e2e.dir);
    if (symlink(e2e.self, path) != 0)
        e2e_die(path);
    if (!TELEC_IS_LINUX)
        return;
    char *id = start(format("\"command\": %s", json_array("/bin/sh", "-i", NULL)));
    AWAIT_SESSION(id, "state", "idle");
    CHECK_HAS(say(id, format("%s program agent", path)).body, "result");
    AWAIT(strstr(transcript(id), "shortcuts"));
    AWAIT_SESSION(id, "state", "idle");
    struct reply r = say(id, "message");
    CHECK_TEXT(r.body, "{\"status\":\"success\",\"result\":\"delivered\"}");
    AWAIT_SESSION(id, "state", "idle");
    CHECK_TEXT(session_get(id, "last_output"), "ANSWER to: message");
    CHECK_INT(call("POST", session_path(id, "/keys"), "{\"key\": \"ctrl_d\"}").status, 200);
    AWAIT(strcmp(session_get(id, "last_output"), "ANSWER to: message") != 0);
}

/* Through a trust dialog, into a program that takes a while. */
static void test_agent_first_prompt(void)
{
    daemon_start();
    struct wire w = subscribe("sessions");
    char *id = start_agent("800", ", \"message\": \"the first one\"");
    char *created = event_await(&w, "session_created", id);
    CHECK_TEXT(json_get(created, "data.first_prompt"), "pending");
    CHECK_TEXT(session_get(id, "first_prompt"), "pending");
    CHECK_TEXT(session_get(id, "last_input"), "null");
    AWAIT_SESSION(id, "waits_for", "choice");
    CHECK_TEXT(session_get(id, "first_prompt"), "pending");
    CHECK_INT(call("POST", session_path(id, "/answer"), "{\"answer\": \"yes\"}").status, 200);
    AWAIT_SESSION(id, "first_prompt", "delivered");
    CHECK_HAS(transcript(id), "ANSWER to: the first one");
    CHECK(!strstr(transcript(id), "harmed"));
    CHECK_TEXT(session_get(id, "last_input"), "the first one");
}

/* A session answers, forces and presses keys only in what it has started. */
static void test_agent_drives(void)
{
    daemon_start();
    char *other = start("\"command\": \"cat\""), *id = start_agent(NULL, "");
    char *child = start_agent(NULL, format(", \"initiator_session_id\": \"%s\"", other));
    AWAIT(strstr(transcript(id), "shortcuts"));
    AWAIT(strstr(transcript(child), "shortcuts"));
    char *force = format("{\"message\": \"x\", \"force\": true, \"from\": \"%s\"}", other);
    CHECK_INT(call("POST", session_path(id, "/message"), force).status, 403);
    CHECK_INT(call("POST", session_path(other, "/message"), force).status, 403);
    CHECK_INT(call("POST", session_path(child, "/message"), force).status, 200);
    char *key = format("{\"key\": \"escape\", \"from\": \"%s\"}", other);
    CHECK_INT(call("POST", session_path(id, "/keys"), key).status, 403);
    CHECK_INT(call("POST", session_path(child, "/keys"), key).status, 200);
    CHECK_INT(call("POST", session_path(id, "/keys"), "{\"key\": \"escape\"}").status, 200);
}

static const struct test agents_tests[] = {
    {"agent_dialog", test_agent_dialog},
    {"agent_messages", test_agent_messages},
    {"agent_in_shell", test_agent_in_shell},
    {"agent_first_prompt", test_agent_first_prompt},
    {"agent_drives", test_agent_drives},
};
