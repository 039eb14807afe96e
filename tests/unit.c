/* The unit tests: the program itself with main renamed, then one file of tests per part, so that a
 * test reaches every function. `unit` runs all, `unit json vt` those two, `unit -l` names them.
 * -DUNIT_PURE leaves out what makes system calls: base, wire, screen compile in half the time. */
/* Times that tests wait for: the program's own are longer, or too short for a loaded machine. */
#define DAEMON_STOP_MS 200
#define DAEMON_CLAIM_MS 1000
#define SPAWN_STOP_MS 1000
#define STREAMS_REPLY_MS 200
#define STREAMS_RETRY_MS 100
#define STREAMS_BLOCK_MS 150
#define STREAMS_LOG_MS 100
#define PRESENCE_BEAT_MS 100
#define PRESENCE_STALE_MS 300
#define PRESENCE_GONE_MS 500
#define PRESENCE_READ_MS 100
#define PRESENCE_LATE_MS 100
#define PULL_AGAIN_MS 100
#define PULL_FRESH_MS 300
#define PEERS_CURSOR_MS 100
#define PEERS_OLD_MS (1LL << 60) /* requests of these tests have small ids */
#define OBSERVE_RENEW_MS 100
#define OBSERVE_TTL_S 1
#define OBSERVE_PULL_MS 100
#define REMOTE_CONFIRM_MS 300
#define REMOTE_RENEW_MS 100
#define REMOTE_BACKOFF_MIN_MS 50
#define REMOTE_GONE_MS 300
#define REMOTE_ACK_BYTES 4096
#define GUEST_LATE_MS 200
#define GUEST_LIFE_MS 1500
#define GUEST_CHECK_MS 100
#define GUEST_WINDOW (32 * 1024)
#define GUEST_BACKLOG 8192
#define BROADCAST_CHECK_MS 100
#define BROADCAST_ACTIVITY_MS 100
#define STATE_IDLE_MS 150
#define STATE_SILENT_MS 400
#define STATE_BELL_MS 60
#define END_KILL_MS 300
#define END_OUTPUT_MS 100
#define END_CLIENTS_MS 300
#define MESSAGE_READY_MS 100
#define MESSAGE_BUSY_MS 200
#define MESSAGE_LOOK_MS 20
#define MESSAGE_RECEIPT_MS 400
#define ANSWER_DEAF_MS 400
#define ANSWER_AWAIT_MS 800
#define ENDED_MAX 3
#define BATCH_SLICE 2
#define HOLDER_LINK_ASK_MS 200
#define SESSIONS_ADOPT_MS 200
#define VIEWER_TICK_MAX 2048
#define SESSIONS_UNDO_GRACE_MS 50
#define APP_PAUSE_MS 150
#define TUI_PASTE_MS 150
#define ATTACH_STUCK_MS 150
#define ATTENTION_MS 300
#define ANNOUNCE_MS 300
#include "../src/base/base.h"
static int unit_no_links; /* symbolic links can't be made */
#define symlink(text, path) (unit_no_links ? (errno = EPERM, -1) : symlink(text, path))
static int unit_own_syncs, *unit_syncs = &unit_own_syncs; /* how many; may be children's, too */
static int unit_fsync(int fd)
{
    ++*unit_syncs;
    return fsync(fd);
}

static int unit_looks; /* at processes' sessions */
#define fsync unit_fsync
#define getsid(pid) (unit_looks++, getsid(pid))
static int unit_rename_fails; /* the how manyth from now on fails; 0: none */
static int unit_rename(const char *from, const char *to)
{
    int fails = unit_rename_fails == 1;
    unit_rename_fails -= unit_rename_fails > 0;
    return fails ? (errno = EIO, -1) : rename(from, to);
}

#define rename unit_rename
static long unit_allocated; /* how often: all of the program's memory is of these two */
static long unit_left;      /* blocks that have not been freed */
static void *unit_realloc(void *p, size_t size)
{
    unit_allocated++;
    unit_left += !p;
    return realloc(p, size);
}

static void *unit_calloc(size_t count, size_t size)
{
    unit_allocated++;
    unit_left++;
    return calloc(count, size);
}

static void unit_free(void *p)
{
    unit_left -= p != NULL;
    free(p);
}

static char *unit_realpath(const char *path, char *into)
{
    char *real = realpath(path, into);
    unit_left += real && !into;
    return real;
}
#define realloc unit_realloc
#define calloc unit_calloc
#define free unit_free
#define realpath unit_realpath
#define main telec_main
#include "../teleclaude.c"
#undef main
#undef realloc
#undef calloc

#include "test.h"

static buf unit_text; /* what helpers of a part's tests return */
static const char *unit_program = "unit"; /* this program's path: tests start it again */

#include "unit/base.c"
#include "unit/utf8.c"
#include "unit/clock.c"
#include "unit/log.c"
#include "unit/json.c"
#include "unit/digest.c"
#include "unit/http.c"
#include "unit/ws.c"
#include "unit/resp.c"
#include "unit/cell.c"
#include "unit/grid.c"
#include "unit/vt.c"
#ifndef UNIT_PURE
#include "unit/question.c"
#include "unit/cache.c"
#include "unit/roadmap.c"
#include "unit/os.c"
#include "unit/loop.c"
#include "unit/conn.c"
#include "unit/agents.c"
#include "unit/config.c"
#include "unit/store.c"
#include "unit/codec.c"
#include "unit/frame.c"
#include "unit/state.c"
#include "unit/transcript.c"
#include "unit/holder_link.c"
#include "unit/environment.c"
#include "unit/life.c"
#include "unit/holder.c"
#include "unit/replay.c"
#include "unit/sessions.c"
#include "unit/projects.c"
#include "unit/git.c"
#include "unit/redis.c"
#include "unit/fleet.c"
#include "unit/streams.c"
#include "unit/roster.c"
#include "unit/presence.c"
#include "unit/pull.c"
#include "unit/events.c"
#include "unit/peers.c"
#include "unit/observe.c"
#include "unit/remote.c"
#include "unit/requests.c"
#include "unit/broadcast.c"
#include "unit/guest.c"
#include "unit/hook.c"
#include "unit/httpd.c"
#include "unit/daemon.c"
#include "unit/spawn.c"
#include "unit/settings.c"
#include "unit/routes.c"
#include "unit/announce.c"
#include "unit/request.c"
#include "unit/proxy.c"
#include "unit/relay.c"
#include "unit/mux.c"
#include "unit/push.c"
#include "unit/client.c"
#include "unit/relayed.c"
#include "unit/vcs.c"
#include "unit/tree.c"
#include "unit/todos.c"
#include "unit/term.c"
#include "unit/pace.c"
#include "unit/theme.c"
#include "unit/field.c"
#include "unit/widget.c"
#include "unit/pager.c"
#include "unit/view.c"
#include "unit/rows.c"
#include "unit/context.c"
#include "unit/reached.c"
#include "unit/near.c"
#include "unit/commands.c"
#include "unit/tools.c"
#include "unit/mcp.c"
#include "unit/cli.c"
#include "unit/app.c"
#include "unit/dialog.c"
#include "unit/attach.c"
#include "unit/reading.c"
#include "unit/attention.c"
#include "unit/many.c"
#include "unit/panes.c"
#include "unit/layout.c"
#include "unit/keys.c"
#include "unit/changes.c"
#include "unit/tui.c"
#endif

#define UNIT_SECONDS_MAX 240 /* a test that hangs is ended by SIGALRM */

static const struct {
    const char *name;
    void (*run)(void);
} unit_tests[] = {
    {"base", unit_base},
    {"utf8", unit_utf8},
    {"clock", unit_clock},
    {"log", unit_log},
    {"json", unit_json},
    {"digest", unit_digest},
    {"http", unit_http},
    {"ws", unit_ws},
    {"resp", unit_resp},
    {"cell", unit_cell},
    {"grid", unit_grid},
    {"vt", unit_vt},
#ifndef UNIT_PURE
    {"os", unit_os},
    {"loop", unit_loop},
    {"agents", unit_agents},   {"conn", unit_conn},
    {"context", unit_context}, {"reached", unit_reached}, {"near", unit_near},
    {"tools", unit_tools}, {"announce", unit_announce}, {"environment", unit_environment},
    {"commands", unit_commands}, {"mcp", unit_mcp},
    {"cli", unit_cli},
    {"config", unit_config},
    {"store", unit_store},
    {"cache", unit_cache},
    {"question", unit_question},
    {"frame", unit_frame},
    {"transcript", unit_transcript},
    {"state", unit_state},
    {"life", unit_life},
    {"holder_link", unit_holder_link},
    {"holder", unit_holder},
    {"replay", unit_replay},
    {"sessions", unit_sessions},
    {"roadmap", unit_roadmap},
    {"projects", unit_projects},
    {"git", unit_git},
    {"codec", unit_codec},
    {"redis", unit_redis},
    {"streams", unit_streams},
    {"roster", unit_roster},
    {"pull", unit_pull},
    {"presence", unit_presence},
    {"events", unit_events},
    {"peers", unit_peers},
    {"observe", unit_observe},
    {"remote", unit_remote},
    {"broadcast", unit_broadcast},
    {"guest", unit_guest},
    {"requests", unit_requests},
    {"httpd", unit_httpd},
    {"request", unit_request},
    {"proxy", unit_proxy},
    {"relay", unit_relay},
    {"mux", unit_mux},
    {"push", unit_push},
    {"routes", unit_routes},
    {"daemon", unit_daemon},
    {"spawn", unit_spawn},
    {"settings", unit_settings},
    {"client", unit_client},
    {"relayed", unit_relayed},
    {"vcs", unit_vcs},
    {"tree", unit_tree},
    {"todos", unit_todos},
    {"term", unit_term},
    {"pace", unit_pace},
    {"theme", unit_theme},
    {"field", unit_field},
    {"widget", unit_widget},
    {"pager", unit_pager},
    {"view", unit_view},
    {"rows", unit_rows},
    {"hook", unit_hook},
    {"app", unit_app},
    {"dialog", unit_dialog},
    {"attach", unit_attach},
    {"reading", unit_reading},
    {"attention", unit_attention},
    {"many", unit_many},
    {"panes", unit_panes},
    {"layout", unit_layout},
    {"keys", unit_keys},
    {"changes", unit_changes},
    {"tui", unit_tui},
#endif
};

static int unit_is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return 1;
    return argc < 2;
}

static int unit_is_known(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(unit_tests); i++)
        if (strcmp(unit_tests[i].name, name) == 0)
            return 1;
    return 0;
}

#ifdef UNIT_PURE
static int unit_start(int argc, char **argv)
{
    return argc && argv ? -1 : 0;
}
#else
/* Runs what tests start by this program's path. Returns its exit status, or -1: these are tests. */
static int unit_start(int argc, char **argv)
{
    if ((argc == 4 && (strcmp(argv[1], "resolve") == 0 || strcmp(argv[1], "disk") == 0)) ||
        (argc == 5 && strcmp(argv[1], "transcript") == 0) ||
        (argc == 3 && strcmp(argv[1], "hold") == 0) || (argc > 3 && strcmp(argv[1], "-S") == 0))
        return telec_main(argc, argv);
    if (argc == 4 && strcmp(argv[1], "relay") == 0)
        return unit_redis_relay(argv[2], argv[3]);
    return -1;
}
#endif

int main(int argc, char **argv)
{
    unit_program = argv[0];
    int status = unit_start(argc, argv);
    if (status >= 0)
        return status;
    signal(SIGPIPE, SIG_IGN); /* as every telec has it: a write to a closed socket fails */
    setvbuf(stdout, NULL, _IOLBF, 0); /* a child that a test forks must not print a line again */
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "-l") != 0 && !unit_is_known(argv[i])) {
            fprintf(stderr, "unit: no test %s\n", argv[i]);
            return 2;
        }
    for (size_t i = 0; i < COUNT_OF(unit_tests); i++) {
        if (argc == 2 && strcmp(argv[1], "-l") == 0) {
            puts(unit_tests[i].name);
            continue;
        }
        if (!unit_is_wanted(unit_tests[i].name, argc, argv))
            continue;
        test_part = unit_tests[i].name;
        int before = test_count;
        long left = unit_left;
        alarm(UNIT_SECONDS_MAX);
        unit_tests[i].run();
        if (test_count == before)
            test_fail(__FILE__, __LINE__, "a test without a name");
        buf_free(&unit_text);
        test_int(__FILE__, __LINE__, "blocks that are not freed", unit_left - left, 0);
        test_end();
    }
    return test_failed > 0;
}
