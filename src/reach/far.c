#include "reach.h"

/* far - the far end of a pipe: streams between stdin and stdout and this computer's daemon. */

#define FAR_START_MS 10000 /* for the daemon here to start */
#define FAR_PINGS 3        /* intervals without a byte: the link has gone */

struct far {
    const struct config *config;
    struct loop loop;
    struct conn in, out;
    struct mux mux;
    struct loop_timer silence;
    int done;
};

/* Starts a daemon when none runs. Returns a descriptor, or -1. */
static int far_reach_daemon(const struct config *config, buf *error)
{
    char byte;
    int fd = spawn_connect(config);
    if (fd >= 0 || !spawn_is_absent(errno))
        return fd;
    struct pollfd starting = {.fd = spawn_daemon(config, error), .events = POLLIN};
    if (starting.fd < 0)
        return -1;
    if (poll(&starting, 1, FAR_START_MS) != 1 || read(starting.fd, &byte, 1) != 1 || byte)
        buf_fmt(error, "its daemon does not start: see %s/daemon.log there", config->state);
    close(starting.fd);
    return error->n ? -1 : spawn_connect(config);
}

static int far_connect(void *ctx)
{
    struct far *far = ctx;
    buf error = {0};
    int fd = far_reach_daemon(far->config, &error);
    buf_free(&error);
    return fd;
}

static void far_on_silence(void *ctx)
{
    ((struct far *)ctx)->done = 1;
}

static void far_on_broken(void *ctx, const char *why)
{
    (void)why;
    ((struct far *)ctx)->done = 1;
}

static const struct mux_hooks far_mux_hooks = {NULL, far_connect, far_on_broken};

static void far_on_data(void *ctx)
{
    struct far *far = ctx;
    loop_timer_in(&far->loop, &far->silence, FAR_PINGS * (long long)MUX_PING_MS);
    mux_on_data(&far->mux);
    far->done |= far->in.eof;
}

static void far_on_drained(void *ctx)
{
    mux_on_drained(&((struct far *)ctx)->mux);
}

static void far_on_closed(void *ctx, const char *why)
{
    (void)why;
    ((struct far *)ctx)->done = 1;
}

static const struct conn_hooks far_hooks = {far_on_data, far_on_drained, far_on_closed};

static void far_send_hello(struct far *far)
{
    buf hello = {0}, error = {0};
    int fd = far_reach_daemon(far->config, &error);
    if (fd >= 0)
        close(fd);
    json_open(&hello, '{');
    json_field_int(&hello, "mux", MUX_VERSION);
    json_field_string(&hello, "telec", TELEC_VERSION);
    json_field_string(&hello, "computer", far->config->computer);
    json_field_string(&hello, "error", error.n ? buf_cstr(&error) : NULL);
    json_close(&hello, '}');
    mux_send(&far->mux, MUX_HELLO, 0, buf_view(&hello));
    buf_free(&hello), buf_free(&error);
}

static int far_run(const struct config *config)
{
    struct far far = {.config = config};
    loop_init(&far.loop);
    far.silence = (struct loop_timer){.fn = far_on_silence, .ctx = &far};
    far.in.hooks = far.out.hooks = &far_hooks;
    far.in.ctx = far.out.ctx = &far;
    conn_open(&far.in, &far.loop, STDIN_FILENO);
    conn_open(&far.out, &far.loop, STDOUT_FILENO);
    conn_pause(&far.out, 1);
    far.mux = (struct mux){.loop = &far.loop, .hooks = &far_mux_hooks, .ctx = &far,
                             .in = &far.in, .out = &far.out};
    far_send_hello(&far);
    while (!far.done)
        loop_once(&far.loop);
    return 0; /* the system closes what is open */
}
