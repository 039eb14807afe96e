#ifndef TELEC_CLI_H
#define TELEC_CLI_H
#include "../server/server.h"
#include "../ui/ui.h"

/* ==== hook: what agents' hooks say, and putting them in place ================================ */

#define HOOK_TEXT_MAX 4096          /* text passed on, in bytes */
#define HOOK_ID_MAX 200             /* an agent's own session id, in bytes; longer: left out */
#define HOOK_INPUT_MAX (4 << 20)    /* what is worth reading of a hook's stdin, in bytes */
#ifndef HOOK_FILE_MAX
#define HOOK_FILE_MAX (1 << 20)     /* a settings file larger than this is left alone */
#endif

/* Takes the JSON that Claude Code, Gemini CLI or Codex hand to a hook (on stdin; Codex's notify: as
 * the last argument) and appends the body of POST /sessions/{id}/event. 1; 0: an event that says
 * nothing about the session's state; -1: not understood. */
static int hook_read(span input, buf *event);
/* Puts `PROGRAM hook` (an absolute path) among the hooks of agent "claude", "gemini" or "codex",
 * in the settings of the user whose home is given (CLAUDE_CONFIG_DIR, GEMINI_CLI_HOME and
 * CODEX_HOME are respected), without disturbing what else is in that file; without `write` the file
 * stays as it is. 1: added, or missing without write; 0: all there already. report says which file
 * and what, in lines. -1: refused, the file is untouched and error says why; report then says what
 * to put in by hand. */
static int hook_install(const char *agent, const char *home, const char *program, int write,
                        buf *report, buf *error);

/* ==== cli: command table and commands ======================================================== */

static int cli_main(int argc, char **argv);        /* exit status: 0 ok, 1 failed, 2 usage */

#endif
