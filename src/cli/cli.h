#ifndef TELEC_CLI_H
#define TELEC_CLI_H
#include "../server/server.h"
#include "../ui/ui.h"

/* ==== hook ==================================================================================== */

#define HOOK_TEXT_MAX 4096          /* bytes of an event's text; more is cut */
#define HOOK_ID_MAX 200             /* bytes of an agent's own session id; longer ids are omitted */
#define HOOK_INPUT_MAX (4 << 20)    /* bytes read from a hook's stdin */

/* Parses the JSON that an agent hands to a hook and appends the body of POST /sessions/{id}/event.
 * Returns 1; 0 when the event does not change the session's state; -1 when it is not understood. */
static int hook_read(span input, buf *event);

/* ==== context ================================================================================= */

/* GET the sessions, the projects: the daemon waits up to 1 s for other computers' lists. */
#define CONTEXT_ALL_SESSIONS "/sessions?wait_ms=1000"
#define CONTEXT_ENDED_SESSIONS "/sessions/ended" /* of this computer */
#define CONTEXT_COMPUTERS "/computers?wait_ms=1000"
#define CONTEXT_ALL_PROJECTS "/projects-with-todos?wait_ms=1000"

struct context {
    char **args;            /* arguments of the command */
    int arg_count;
    int replied;            /* the reply to context_ask is in status and body */
    int status;             /* HTTP status; 0: no reply, body says why */
    buf body;
    struct config config;
    struct client client;
    struct loop loop;
    const char *value[128]; /* of options, by their letter; "": a switch; NULL: not given */
    char created[65];       /* the id of the session that commands_new has started */
};

/* Writes "telec: MESSAGE" to stderr, control bytes made visible. Returns 1, a failed command's exit
 * status. */
static int context_fail(const char *format, ...);
/* Writes "telec: ABOUT: WHAT (see 'telec help')". Returns 2, the exit status of wrong usage. */
static int context_usage(const char *what, const char *about);
/* Writes b to stdout and frees it. Returns 0, or 1 after a message. */
static int context_write(buf *b);
/* Sends a request (body NULL: none) and waits for its reply. Returns 0, or 1 after a message: it
 * failed. */
static int context_ask(struct context *c, const char *method, const char *target, const buf *body);
/* The two halves of context_ask, for a reply whose error is no failure. */
static void context_send(struct context *c, const char *method, const char *target,
                         const buf *body);
static int context_check(struct context *c);
/* Sends without a message and without starting a daemon; waits `ms` at most. Returns 1 when it was
 * accepted. */
static int context_post(struct context *c, const char *target, const buf *body, int ms);
static struct json context_reply(const struct context *c); /* valid until the next request */
/* Says when no computer has that name. Returns 0 or 1. */
static int context_check_computer(struct context *c, const char *name);
/* GET of a target, of --computer where that is given. Returns 0, or 1 after a message: it failed,
 * or the list is empty since no computer has that name. */
static int context_get_listing(struct context *c, const char *target);
/* Finds a session by the beginning of its id, or its title; here, else on other computers. *target
 * becomes "/sessions/ID". Returns 0, or 1 after a message: none, or several. */
static int context_find(struct context *c, const char *word, buf *target);
/* As context_find for `count` words, with one list: found[i] becomes the id, to be freed, or NULL
 * after a message. Returns 0, or 1: one is missing. */
static int context_find_many(struct context *c, char *const *words, int count, char **found);
/* As context_find_many, also of ended sessions that can be restarted. */
static int context_find_many_ended(struct context *c, char *const *words, int count,
                                   char **found);
/* GET of what context_find has found. Returns 0, or 1 after a message. */
static int context_get(struct context *c, buf *target);
/* Returns the id with that prefix, to be freed; NULL: none, or several. */
static char *context_find_on_disk(const struct context *c, const char *prefix);
static void context_put_lines(buf *b, span text);
/* Returns what a list shows as title: the daemon names a session without one "Untitled". */
static struct json context_title(struct json session, int *untitled);
/* Returns the end of a text that --lines or --chars ask for, else the last CONTEXT_CHARS. */
#define CONTEXT_CHARS 5000
#define CONTEXT_ID_MIN 4 /* characters of an id that name its session */
static span context_tail(const struct context *c, span text);

/* ==== follow ================================================================================== */

#ifndef FOLLOW_RETRY_MS
#define FOLLOW_RETRY_MS 200      /* to the next try, after the daemon has gone; doubles … */
#endif
#define FOLLOW_RETRY_MAX_MS 5000 /* … up to this */
#define FOLLOW_REFUSED_MAX 10    /* tries that a daemon refuses: the session is gone */

/* Prints the end of the output of the session that the last reply has, then what follows, until it
 * ends. target: "/sessions/ID". Returns the exit status, or -1: it has ended before. */
static int follow_run(struct context *c, const char *target);

/* ==== commands ================================================================================ */

#ifndef COMMAND_HOOK_MS
#define COMMAND_HOOK_MS 1000 /* an agent waits for its hook no longer than this */
#endif

/* Each takes its options and arguments from the context and returns the exit status. */
static int commands_list(struct context *c);
static int commands_computers(struct context *c);
static int commands_new(struct context *c);
static int commands_agent(struct context *c);       /* telec /claude and the others */
static int commands_tail(struct context *c);
static int commands_status(struct context *c);
static int commands_watch(struct context *c);
static int commands_project(struct context *c);
static int commands_hook(struct context *c);
/* Returns 0 when the terminal can show the UI, else 1 after a message. */
static int commands_check_terminal(void);
/* Runs the terminal UI; attach: the id of the session to attach to, or NULL; computer: its, or
 * NULL. */
static int commands_ui(struct context *c, const char *attach, const char *computer);

/* ==== acts ==================================================================================== */

static int acts_send(struct context *c);
#define ACTS_KEYS "escape, enter, tab, up, page-up, f1, ctrl-c"
static int acts_keys(struct context *c);
static int acts_answer(struct context *c);
static int acts_kill(struct context *c);
static int acts_restart(struct context *c);
static int acts_wait(struct context *c);

/* ==== enter =================================================================================== */

static int enter_attach(struct context *c);
static int enter_new(struct context *c);           /* telec new, which may attach */

/* ==== hosts =================================================================================== */

static int hosts_reach(struct context *c);         /* telec reach COMMAND… */
static int hosts_unreach(struct context *c);
static int hosts_relay(struct context *c);         /* telec relay: the far end of a pipe */

/* ==== grep ==================================================================================== */

/* Returns as grep does: 0 found, 1 not found, 2 a session could not be read. */
static int grep_run(struct context *c);

/* ==== doctor ================================================================================== */

/* Prints the points, a line each, or as JSON. Returns 0, or 1 when one is bad. */
static int doctor_run(struct context *c);

/* ==== guide =================================================================================== */

/* A tool of `telec mcp`. Its parameters have the names of the command's options, but those behind
 * "--" are its arguments, and must be given unless they are optional ("?"). */
struct guide_tool {
    const char *name, *command;
    const char *then; /* after it, a command with the id, whose output is the result; or NULL */
    const char *params, *help;
};

static const struct guide_tool *guide_tool(size_t i); /* NULL past the last */
static void guide_put_tool(buf *b, const struct guide_tool *tool); /* as JSON */
static int guide_print(void);                      /* `telec help agents` */

/* ==== mcp ===================================================================================== */

static int mcp_serve(struct context *c);           /* telec mcp, until stdin ends */

/* ==== cli ===================================================================================== */

/* Programs that the command line starts but does not know: main hands them over. */
struct cli_programs {
    /* see daemon_run, holder_main, redis_url_resolve_main */
    int (*daemon)(struct config *config, int ready_fd, buf *error);
    int (*holder)(void);
    int (*resolve)(const char *host, const char *port);
};

/* Runs a command, or the UI. Returns the exit status: 0 ok, 1 failed, 2 wrong usage. */
static int cli_main(int argc, char **argv, const struct cli_programs *programs);

#endif
