/* telec - see and drive terminal and AI-agent sessions, live.
 *
 * The only file handed to the compiler: `cc -o telec teleclaude.c`. It is the table of contents; a
 * part calls only parts above it. What each one offers is in teleclaude.h, section by section, in
 * this order. */

#include "teleclaude.h"

#include "src/base.c"     /* growable buffers, spans, UTF-8 and column width, clock, log */
#include "src/json.c"     /* JSON: tokenizer over a span, writer into a buffer */
#include "src/digest.c"   /* SHA-1, base64 */
#include "src/http.c"     /* HTTP/1.1 messages, both roles */
#include "src/ws.c"       /* WebSocket frames and handshake, both roles */
#include "src/resp.c"     /* Redis protocol: replies and commands */
#include "src/cell.c"     /* one place of a screen: graphemes, colours, SGR */
#include "src/vt.c"       /* terminal emulator: bytes in, grid of cells out */
#include "src/cache.c"    /* the known sessions and who wants to hear of them */
#include "src/roadmap.c"  /* todos/roadmap.md and state.json of a project into todos */
#include "src/loop.c"     /* the poll() table; queued connections */
#include "src/config.c"   /* paths, the configuration file, defaults */
#include "src/store.c"    /* session records and logs on disk */
#include "src/fleet.c"    /* what computers write to each other through Redis, as bytes */
#include "src/hold.c"     /* the session holder, and talking to it */
#include "src/sessions.c" /* the sessions of this computer */
#include "src/projects.c" /* the projects of this computer, their todos, and who changes them */
#include "src/redis.c"    /* a reconnecting Redis connection */
#include "src/link.c"     /* the conversations with Redis: commands, streams, requests */
#include "src/peers.c"    /* the other computers: who is there, what they tell, asking them */
#include "src/watch.c"    /* looking at sessions of other computers */
#include "src/answer.c"   /* what other computers ask of this one */
#include "src/serve.c"    /* a client connection's HTTP and WebSocket states */
#include "src/call.c"     /* one request at work: parameters, faults, the usual answers */
#include "src/remote.c"   /* requests about sessions of other computers */
#include "src/api.c"      /* routes, handlers, topics of /ws */
#include "src/daemon.c"   /* socket, wiring, start, shutdown */
#include "src/hook.c"     /* what agents' hooks say, and putting them in place */
#include "src/client.c"   /* talking to a daemon: requests, push, reconnect, fallback */
#include "src/tree.c"     /* what the UI shows: computers, projects, sessions as rows */
#include "src/plan.c"     /* what there is to do: projects, todos, files as rows */
#include "src/grid.c"     /* frames of cells, and the bytes that show what changed */
#include "src/term.c"     /* the user's terminal: raw mode, input decoder */
#include "src/theme.c"    /* named styles: defaults, and the user's colours */
#include "src/field.c"    /* text being edited, of one line or several */
#include "src/ui.c"       /* widgets: forms, questions, messages, keys, help */
#include "src/pager.c"    /* a file's text, with light Markdown styling */
#include "src/view.c"     /* a session's live screen inside the UI */
#include "src/look.c"     /* how sessions, projects and todos are drawn */
#include "src/app.c"      /* the UI's state: selection, requests, what survives a restart */
#include "src/dialog.c"   /* starting, messaging, renaming, ending a session */
#include "src/attach.c"   /* a session's screen: the preview, or all of the terminal */
#include "src/paint.c"    /* a frame: where things are, and drawing them */
#include "src/tui.c"      /* the terminal UI: keys, mouse, answers, events, life */
#include "src/cli.c"      /* command table and commands */

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
