/* foreign - telec's commands on a TeleClaude daemon, which the test plays from doc/protocol.md: it
 * gives no session alone, wants computer= for a DELETE, reports failures with status 200, and
 * pushes nothing about its own sessions. */

#define FOREIGN_ID "0a1b2c3d-0000-4000-8000-000000000001"

static struct fake *foreign_start(void)
{
    char *own = python_session(FOREIGN_ID, "own", 1), *far = python_session("far-1", "far", 2);
    own = format("[%.*s, \"computer\": \"mine\"}, %.*s, \"computer\": \"raspi\"}]",
                 (int)strlen(own) - 1, own, (int)strlen(far) - 1, far);
    return fake_start((struct fake){
        .mode = FAKE_FOREIGN,
        .sessions = own,
        .projects = "[]",
        .computers = "[{\"name\": \"mine\", \"status\": \"online\", \"user\": \"me\", \"host\": "
                     "\"h\", \"is_local\": true}, {\"name\": \"raspi\", \"status\": "
                     "\"online\", \"user\": null, \"host\": null, \"is_local\": false}]",
        .agents = "{}",
        .preview = ""});
}

static void test_foreign_commands(void)
{
    struct fake *f = foreign_start();
    char *all = CLI_OK(cli("list", NULL)).said[0].p;
    CHECK(strstr(all, "own") && strstr(all, "far"));
    struct cli some = CLI_OK(cli("list", "--computer", "raspi", NULL));
    CHECK(strstr(some.said[0].p, "far") && !strstr(some.said[0].p, "own"));
    some = CLI_OK(cli("list", "--computer", "mine", "--json", NULL));
    CHECK_INT(json_count(cli_line(&some), ""), 1);
    CHECK_HAS(CLI_OK(cli("computers", NULL)).said[0].p, "raspi");
    struct cli status = CLI_OK(cli("status", "0a1b", NULL));
    CHECK_HAS(status.said[0].p, "state       unknown");
    CHECK_HAS(status.said[0].p, "title       own");
    struct cli made = CLI_OK(cli("new", "-a", "claude", "-C", "/tmp", "-p", "do it", NULL));
    CHECK_TEXT(cli_line(&made), "fresh-1");
    CHECK_TEXT(CLI_OK(cli("send", "0a1b", "hello", NULL)).said[0].p, "sent\n");
    CHECK_TEXT(CLI_OK(cli("tail", "0a1b", NULL)).said[0].p, "what it said\n");
    CLI_FAILS(cli("tail", "-f", "0a1b", NULL), 1, "can't be followed");
    CLI_FAILS(cli("restart", "0a1b", NULL), 1, "Not Found (this is a TeleClaude daemon)");
    CLI_FAILS(cli("attach", "far", NULL), 1, "its host is unknown");
    CLI_OK(cli("kill", "0a1b", NULL));
    CLI_OK(cli("kill", "0a1b", "far-1", NULL));
    CLI_FAILS(cli("wait", "0a1b", NULL), 1, "TeleClaude does not tell its state");
    CLI_FAILS(cli("wait", "0a1b", "--state", "exited", "--timeout", "0", NULL), 1,
              "the time is up"); /* its initial states lack the session */
    fake_stop(f);
}

static const struct test foreign_tests[] = {
    {"foreign_commands", test_foreign_commands},
};
