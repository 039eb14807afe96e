#ifndef TELEC_REACH_H
#define TELEC_REACH_H
#include "../client/client.h"

/* ==== mux: many streams over one pipe ======================================================== */

/* A frame: type (1 byte), length of the payload (3) and number of the stream (4), big-endian; then
 * the payload. doc/protocol.md has the table. */
enum mux_type {
    MUX_HELLO = 'H', /* the relay's first frame: JSON */
    MUX_OPEN = 'O',  /* the link opens a stream: the relay connects to its daemon */
    MUX_DATA = 'D',
    MUX_TAKEN = 'T', /* so many bytes (4) of the stream were delivered */
    MUX_END = 'E',   /* the stream has ended */
    MUX_PING = 'P'   /* each side answers the other's first one with one */
};
#define MUX_VERSION 1
#define MUX_HEAD 8
#define MUX_PIECE (8 * 1024)     /* bytes of a DATA frame, so that a key waits for one piece … */
#define MUX_QUEUE (32 * 1024)    /* … of what is queued for the pipe at most */
#ifndef MUX_WINDOW
#define MUX_WINDOW (128 * 1024)  /* bytes of a stream on their way: sent, and not delivered */
#endif
#define MUX_STREAMS_MAX 4096
#define MUX_BUCKETS 256          /* a power of two */
#ifndef MUX_PING_MS
#define MUX_PING_MS 30000        /* between two pings of the near end: all traffic when idle */
#endif

struct mux;
struct mux_hooks {
    void (*on_hello)(void *ctx, span json); /* of a link */
    void (*on_ping)(void *ctx);
    /* Returns a connected socket for a new stream, or -1; of a relay. */
    int (*connect)(void *ctx);
    void (*on_broken)(void *ctx, const char *why); /* what has come is no frame: close the pipe */
};

/* A socket whose bytes go through the pipe. */
struct mux_stream {
    struct mux_stream *next, **link;
    struct mux_stream *same; /* in its bucket */
    struct mux *mux;
    uint32_t number;
    struct conn socket;
    size_t sent, got;       /* not yet taken by the other side; not yet reported as taken */
    int ended;              /* the other side has ended it */
};

/* One side of a pipe. The owner sets loop, hooks and ctx, opens the connections in and out, which
 * may be one, calls mux_on_data when in has data and mux_on_drained when out has none. */
struct mux {
    struct loop *loop;
    const struct mux_hooks *hooks;
    void *ctx;
    struct conn *in, *out;
    struct mux_stream *streams;
    struct mux_stream *buckets[MUX_BUCKETS]; /* by number */
    size_t count;
    uint32_t number;        /* of the last stream opened here */
    int blocked;            /* streams wait until out has drained */
};

static void mux_send(struct mux *m, enum mux_type type, uint32_t number, span payload);
static void mux_on_data(struct mux *m);
static void mux_on_drained(struct mux *m);
/* Opens a stream for a connected socket, which the mux then owns. */
static void mux_open(struct mux *m, int fd);
static void mux_end_all(struct mux *m);            /* the pipe has gone: closes every socket */

/* ==== install: a telec on the other side of a pipe =========================================== */

#define INSTALL_BINARY_MAX (64 << 20) /* bytes */
#define MUX_PROTOCOL "telec " TELEC_VERSION " mux 1" /* what telec relay --protocol prints */

/* What the other side's shell is asked, and answers, until a telec speaks there. */
struct install {
    const struct config *config;
    char mark[40];          /* begins each of its lines; what comes before is noise */
    char hash[65];          /* SHA-256 of the binary for it, in hex */
    buf binary;
};

enum install_step { INSTALL_MORE, INSTALL_DONE, INSTALL_FAILED };

/* Appends the script for a POSIX sh that reads it from its stdin. */
static void install_begin(struct install *in, const struct config *config, buf *out);
/* Handles a line of the shell, without its newline, and appends what to send. DONE: a relay's
 * frames follow the line. FAILED: *error says why. */
static enum install_step install_line(struct install *in, span line, buf *out, buf *error);
static void install_free(struct install *in);

/* ==== far: telec relay: the far end of a pipe ============================================== */

/* Carries streams between stdin and stdout and this computer's daemon, which it starts if need be,
 * until stdin ends or is silent for three pings. Returns the exit status. */
static int far_run(const struct config *config);

/* ==== near: telec reach: the near end of a pipe ============================================== */

#ifndef NEAR_DEAD_MS
#define NEAR_DEAD_MS 45000    /* without any byte from the other side: the link is cut */
#endif
#ifndef NEAR_START_MS
#define NEAR_START_MS 60000   /* for the other side to answer, unless a user may be asked */
#endif
#define NEAR_LAST_MS 2000     /* for the last words of a command that reads no more */
#define NEAR_BACKOFF_MIN_MS 250
#define NEAR_CRASHED_MS 500   /* until a link whose process has crashed is made again */
#define NEAR_BACKOFF_MAX_MS 30000

/* Runs COMMAND (argv) and holds the link to the telec behind it, until the daemon here ends or
 * forgets the computer. name: for that computer, NULL: its own. background: no terminal may be
 * asked; else the caller's process prints what happens, and ends when the link stands. Returns the
 * exit status. */
static int near_run(const struct config *config, const char *name, char *const *argv,
                    int background);

#endif
