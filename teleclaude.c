/* telec - see and drive terminal and AI-agent sessions, live.
 *
 * The only file handed to the compiler: `cc -o telec teleclaude.c`. It is the table of contents,
 * lowest part first: a file calls only files above it. What each one offers stands in its folder's
 * header (src/FOLDER/FOLDER.h); teleclaude.h is the map of the folders.
 *
 * Four ways from door to door:
 *
 *   output     the program's pty ▶ holder_on_output ▶ viewer_send_output ▶ stream_on_frame ▶
 *              view_on_output ▶ layout_frame ▶ grid_frame ▶ the user's terminal
 *   a key      terminal ▶ tui_decode ▶ attach_event ▶ view_put_key ▶ view_send ▶ the pty itself, or
 *              FRAME_INPUT ▶ holder_handle_input ▶ input_type ▶ the pty (drawn in input.c)
 *   a start    POST /sessions ▶ routes_handle ▶ routes_create_session ▶ launch_create ▶ telec hold
 *              (drawn in holder_link.c) ▶ sessions_on_frame ▶ routes_on_created
 *   an event   Redis ▶ events_on_entry ▶ roster_put_session ▶ cache_put ▶ push_send_update ▶
 *              client ▶ models_event ▶ rows_tree
 *
 * Where a change goes:
 *
 *   a route    a row of routes_table (routes.c) and its function; doc/protocol.md
 *   an agent   a row of agents_table (agents.c)
 *   a command  a row of cli_commands (cli.c) and its function
 *   a key      a row of keys_table (keys.c) and its function
 *   a sequence a row of a table in vt/control.c and its function; for state, what snapshot.c lists
 *
 * README and doc/manual.md get commands and keys by `tests/docs.sh --write`. */

#include "teleclaude.h"

#include "src/base/base.c"            /* memory, lists, spans, buffers */
#include "src/base/utf8.c"            /* UTF-8, column width */
#include "src/base/clock.c"           /* time: clocks, dates, ages */
#include "src/base/log.c"             /* the log */
#include "src/base/json.c"            /* JSON: tokenizer over a span, writer into a buffer */
#include "src/base/digest.c"          /* SHA-1, SHA-256, HMAC, base64 */

#include "src/wire/http.c"            /* HTTP/1.1 messages, both roles */
#include "src/wire/ws.c"              /* WebSocket frames and handshake, both roles */
#include "src/wire/resp.c"            /* Redis protocol: replies and commands */

#include "src/screen/cell.c"          /* one place of a screen: graphemes, colours, SGR */
#include "src/screen/grid.c"          /* frames of cells, and the bytes from one to the next */
TELEC_FAST
#include "src/screen/vt/scroll.c"     /* the scrollback: packed lines in a ring */
TELEC_SMALL
#include "src/screen/vt/screen.c"     /* rows of cells: erasing, scrolling */
TELEC_FAST
#include "src/screen/vt/print.c"      /* characters and graphemes at the cursor */
TELEC_SMALL
#include "src/screen/vt/osc.c"        /* titles, OSC and DCS strings, answers */
#include "src/screen/vt/control.c"    /* C0, CSI and escape sequences, and their tables */
TELEC_FAST
#include "src/screen/vt/parse.c"      /* the state machine */
TELEC_SMALL
#include "src/screen/vt/reflow.c"     /* resizing */
#include "src/screen/vt/snapshot.c"   /* the screen as bytes and as text */
#include "src/screen/vt/vt.c"         /* life and accessors of an emulator */

#include "src/system/os.c"            /* random bytes, files read whole */
#include "src/system/loop.c"          /* poll table, timers, signals, children */
#include "src/system/conn.c"          /* queued connections, Unix sockets */
#include "src/system/output.c"        /* a program's output, read whole */
#include "src/system/store.c"         /* session records and logs on disk */
#include "src/system/disk.c"          /* a process that waits for the disk */
#include "src/system/agents.c"        /* the table of agent programs, one row an agent */
#include "src/system/redis_url.c"     /* a Redis's address, from its url */
#include "src/system/config.c"        /* paths, the configuration file, defaults */
#include "src/system/places.c"        /* directories of sockets and of state */
#include "src/system/host.c"          /* this host's effects on sessions, for doctor */

#include "src/session/cache.c"        /* session objects and their subscribers */
#include "src/session/question.c"     /* a program's question, read from its screen; pure */
#include "src/session/frame.c"        /* the holder protocol: frames, payloads, sizes, keys */
#include "src/session/life.c"         /* liveness of a session's holder; its processes */
#include "src/session/holder_link.c"  /* connections and questions to a holder, launching one */
#include "src/session/transcript.c"   /* the text of an exited session, from its log */
#include "src/session/stream.c"       /* a session's screen, from its holder */
#include "src/session/state.c"        /* a session's state, from a table; pure */
#include "src/session/environment.c"  /* the environment that describes the terminal */
#include "src/session/native.c"       /* the holder: an agent's conversation, from its own files */
#include "src/session/status.c"       /* the holder: status frames */
#include "src/session/reader.c"       /* the holder: reading the screen */
#include "src/session/viewer.c"       /* the holder: the screen to its viewers */
#include "src/session/input.c"        /* the holder: typing into the program */
#include "src/session/message.c"      /* the holder: messages, receipts, the first prompt */
#include "src/session/answer.c"       /* the holder: choosing in a dialog */
#include "src/session/end.c"          /* the holder: the end of a session */
#include "src/session/holder.c"       /* the process that holds one session */
#include "src/session/ended.c"        /* ended sessions whose conversation can be resumed */
#include "src/session/record.c"       /* a session's record and status, on disk and in the cache */
#include "src/session/sessions.c"     /* this computer's sessions: holders, adoption, ends */
#include "src/session/launch.c"       /* starting a session's program: a new session, a restart */

#include "src/work/roadmap.c"         /* todos of a project, from todos/roadmap.md and state.json */
#include "src/work/projects.c"        /* this computer's projects, their todos, watching both */
#include "src/work/git.c"             /* the git branches of sessions' directories */

#include "src/fleet/codec.c"          /* messages between computers, as bytes; pure */
#include "src/fleet/redis.c"          /* one reconnecting Redis connection */
#include "src/fleet/signature.c"      /* signed entries of streams */
#include "src/fleet/streams.c"        /* commands, the XREAD set, requests and replies */
#include "src/fleet/roster.c"         /* the other computers and their sessions */
#include "src/fleet/pull.c"           /* requests for other computers' lists */
#include "src/fleet/presence.c"       /* heartbeats: theirs and ours */
#include "src/fleet/events.c"         /* events of other computers' sessions */
#include "src/fleet/peers.c"          /* our events, requests from others, wiring */
#include "src/fleet/observe.c"        /* viewing a session of a TeleClaude computer */
#include "src/fleet/remote.c"         /* attachments from here to other computers' sessions */
#include "src/fleet/broadcast.c"      /* our sessions to TeleClaude's observers */
#include "src/fleet/guest.c"          /* attachments of other computers to our sessions */
#include "src/fleet/requests.c"       /* other computers' requests to this one */

#include "src/client/spawn.c"         /* starting and stopping a daemon from outside */
#include "src/client/settings.c"      /* adding telec's hooks to agents' settings */
#include "src/client/hints.c"         /* messages shown to a user once */
#include "src/client/vcs.c"           /* git: branch, changes, new worktrees */
#include "src/client/client.c"        /* requests, push, reconnecting, falling back to REST */
#include "src/client/relayed.c"       /* a session's screen through the daemon */

#include "src/reach/mux.c"            /* many streams over one pipe */
#include "src/reach/install.c"        /* bringing a telec to the other side of a pipe */
#include "src/reach/far.c"            /* the far end: telec relay */
#include "src/reach/near.c"           /* the near end: telec reach */

#include "src/server/httpd.c"         /* a client connection: HTTP, WebSocket */
#include "src/server/request.c"       /* one request: parameters, validation errors, replies */
#include "src/server/relay.c"         /* questions to a holder, streams behind a WebSocket */
#include "src/server/reached.c"       /* computers behind pipes */
#include "src/server/proxy.c"         /* requests about sessions of other computers */
#include "src/server/batch.c"         /* ending many sessions, and undoing that */
#include "src/server/push.c"          /* /ws and its topics */
#include "src/server/routes.c"        /* the route table and its handlers */
#include "src/server/announce.c"      /* the command of on_state */
#include "src/server/daemon.c"        /* wiring, run, shutdown */

#include "src/ui/filter.c"            /* the words that a list is filtered by */
#include "src/ui/names.c"             /* lists of names */
#include "src/ui/tree.c"              /* model: computers, projects, sessions as rows */
#include "src/ui/outline.c"           /* the rows of that model */
#include "src/ui/todos.c"             /* model: projects, todos, files as rows */
#include "src/ui/models.c"            /* a daemon's events, applied to both models */
#include "src/ui/term.c"              /* the user's terminal: raw mode, input decoder */
#include "src/ui/pace.c"              /* frames as fast as the terminal takes them */
#include "src/ui/keyboard.c"          /* keys as a session's program wants them */
#include "src/ui/theme.c"             /* named styles: defaults, and the user's colours */
#include "src/ui/field.c"             /* text being edited, of one line or several */
#include "src/ui/widget.c"            /* forms, questions, messages, clicks */
#include "src/ui/keymap.c"            /* the key table, its names, the help */
#include "src/ui/pager.c"             /* a text to read, with light Markdown styling */
#include "src/ui/view.c"              /* a session's screen: connection, emulator, crop */
#include "src/ui/rows.c"              /* drawing rows and the header */
#include "src/ui/app.c"               /* state, selection, requests, the saved state */
#include "src/ui/attention.c"         /* calling the user */
#include "src/ui/changes.c"           /* git's count of changes in a directory */
#include "src/ui/many.c"              /* marks, and acts on several sessions */
#include "src/ui/dialog.c"            /* starting, messaging, renaming, ending a session */
#include "src/ui/attach.c"            /* a session's screen: the preview, or all of the terminal */
#include "src/ui/reading.c"           /* a session's text in the pager */
#include "src/ui/panes.c"             /* live screens beside the preview */
#include "src/ui/layout.c"            /* a frame: geometry and composition */
#include "src/ui/keys.c"              /* the key table's actions */
#include "src/ui/tui.c"               /* input, events, run */

#include "src/cli/hook.c"             /* reports of agents' hooks */
#include "src/cli/context.c"          /* options, output and requests of a command */
#include "src/cli/follow.c"           /* telec tail --follow */
#include "src/cli/commands.c"         /* list, new, tail and the others */
#include "src/cli/acts.c"             /* send, kill, restart, wait */
#include "src/cli/enter.c"            /* telec attach: choosing the session */
#include "src/cli/hosts.c"            /* computers behind pipes: reach, unreach, relay */
#include "src/cli/grep.c"             /* telec grep */
#include "src/cli/doctor.c"           /* this host's effects on sessions */
#include "src/cli/guide.c"            /* telec's help for agents */
#include "src/cli/mcp.c"              /* the Model Context Protocol: sessions as tools */
#include "src/cli/cli.c"              /* the command table, options, help, completion */

int main(int argc, char **argv)
{
    static const struct cli_programs programs = {daemon_run, holder_main,
                                                 redis_url_resolve_main};
    return cli_main(argc, argv, &programs);
}
