#ifndef TELEC_REACH_H
#define TELEC_REACH_H
#include "../client/client.h"

/* ==== mux ===================================================================================== */

/* See doc/protocol.md. */
enum mux_type {
    MUX_HELLO = 'H', /* the relay's first: JSON */
    MUX_OPEN = 'O',  /* the relay connects to its daemon */
    MUX_DATA = 'D',
    MUX_TAKEN = 'T', /* so many bytes were delivered */
    MUX_END = 'E', 
    MUX_PING = 'P'   /* the far end answers it */
};
#define MUX_VERSION 1
#define MUX_HEAD 8
#define MUX_PIECE (8 * 1024)     /* bytes of a frame: a key waits for one … */
#define MUX_QUEUE (32 * 1024)    /* … and for these at most */
#ifndef MUX_WINDOW
#define MUX_WINDOW (128 * 1024)  /* bytes of a stream on their way */
#endif
#define MUX_STREAMS_MAX 4096
#define MUX_BUCKETS 256          /* a power of two */
#ifndef MUX_PING_MS
#define MUX_PING_MS 30000        /* all traffic when idle */
#endif

struct mux;
struct mux_hooks {
    void (*on_hello)(void *ctx, span json);
    int (*connect)(void *ctx);  /* NULL: the near end */
    void (*on_broken)(void *ctx, const char *why); /* close the pipe */
};

struct mux_stream {
    struct mux_stream *next, **link;
    struct mux_stream *same; /* in its bucket */
    struct mux *mux;
    uint32_t number;
    struct conn socket;
    size_t sent, got;       /* not yet taken there; not yet reported */
    int ended;              /* by the other side */
};

/* The owner sets loop … out, and calls mux_on_data and mux_on_drained from their hooks. */
struct mux {
    struct loop *loop;
    const struct mux_hooks *hooks;
    void *ctx;
    struct conn *in, *out;
    struct mux_stream *streams;
    struct mux_stream *buckets[MUX_BUCKETS]; /* by number */
    size_t count;
    uint32_t number;        /* of the last stream opened */
    int blocked;            /* until out has drained */
};

static void mux_send(struct mux *m, enum mux_type type, uint32_t number, span payload);
static void mux_on_data(struct mux *m);
static void mux_on_drained(struct mux *m);
/* The mux owns fd. */
static void mux_open(struct mux *m, int fd);
static void mux_end_all(struct mux *m);

/* ==== install ================================================================================= */

#define INSTALL_BINARY_MAX (64 << 20) /* bytes */
#define MUX_PROTOCOL "telec " TELEC_VERSION " mux 1" /* telec relay --protocol */

struct install {
    const struct config *config;
    char mark[40];          /* begins its lines */
    char hash[65];          /* SHA-256 of the binary, in hex */
    buf binary;
};

enum install_step { INSTALL_MORE, INSTALL_DONE, INSTALL_FAILED };

static void install_begin(struct install *in, const struct config *config, buf *out);
/* DONE: a relay's frames follow. */
static enum install_step install_line(struct install *in, span line, buf *out, buf *error);
static void install_free(struct install *in);

/* ==== far ===================================================================================== */

/* Starts the daemon if need be; ends with stdin, or when that is silent for three pings. */
static int far_run(const struct config *config);

/* ==== near ==================================================================================== */

#ifndef NEAR_DEAD_MS
#define NEAR_DEAD_MS 45000    /* without a byte: the link is cut */
#endif
#ifndef NEAR_START_MS
#define NEAR_START_MS 60000   /* to an answer, unless a user may be asked */
#endif
#define NEAR_LAST_MS 2000     /* for last words of a command that reads no more */
#define NEAR_BACKOFF_MIN_MS 250
#define NEAR_CRASHED_MS 500   /* until a crashed link is made again */
#define NEAR_BACKOFF_MAX_MS 30000

/* Holds the link until the daemon here ends or `unreach` comes. name NULL: its own. background: no
 * terminal may be asked; else this prints what happens, and returns when the link stands. */
static int near_run(const struct config *config, const char *name, char *const *argv,
                    int background);

#endif
