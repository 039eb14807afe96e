/* redis - one reconnecting Redis connection on the loop. */

static void redis_start(struct redis *r)
{
    (void)r;
}

static void redis_free(struct redis *r)
{
    (void)r;
}

static void redis_restart(struct redis *r)
{
    (void)r;
}

static void redis_put_address(const struct redis *r, buf *b)
{
    (void)r, (void)b;
}

static const char *redis_state_name(const struct redis *r)
{
    (void)r;
    return "off";
}

static int redis_resolve_main(const char *host, const char *port)
{
    (void)host, (void)port;
    return 1;
}

static int redis_call(struct redis *r, span command, long long block_ms,
                      void (*done)(void *ctx, const struct resp *reply), void *ctx)
{
    (void)r, (void)command, (void)block_ms, (void)done, (void)ctx;
    return 0;
}

static int redis_init(struct redis *r, struct loop *l, const struct config *config,
                      const char *name, const struct redis_hooks *hooks, void *ctx, buf *error)
{
    (void)name;
    *r = (struct redis){.loop = l, .config = config, .hooks = hooks, .ctx = ctx};
    buf_str(error, "not written yet");
    return -1;
}
