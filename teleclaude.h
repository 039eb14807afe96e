/* teleclaude.h - the map of the house, lowest folder first. A folder uses only the folders above
 * it, and a file only the files above it in its folder (tests/layers.sh proves both). Each folder
 * has one header, with a section for each of its files: types, and what the file offers. */
#ifndef TELECLAUDE_H
#define TELECLAUDE_H

#include "src/base/base.h"       /* bytes, text, time, JSON, digests; pure */
#include "src/wire/wire.h"       /* public protocols: HTTP, WebSocket, RESP; pure */
#include "src/screen/screen.h"   /* cells, the frame differ, the terminal emulator; pure */
#include "src/system/system.h"   /* the poll loop, connections, configuration, files, agents */
#include "src/session/session.h" /* cache, holder protocol, session state, holder, sessions */
#include "src/work/work.h"       /* roadmaps, projects */
#include "src/fleet/fleet.h"     /* Redis, streams, other computers, observing, their requests */
#include "src/client/client.h"   /* starting a daemon, talking to it */
#include "src/reach/reach.h"     /* computers behind any pipe */
#include "src/server/server.h"   /* HTTP connections, requests, routes, push, the daemon */
#include "src/ui/ui.h"           /* models, widgets, views, keys, frames */
#include "src/cli/cli.h"         /* commands, hooks, main */

#endif
