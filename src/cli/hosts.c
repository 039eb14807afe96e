#include "cli.h"

/* hosts - computers behind pipes: telec reach, unreach, relay. */

static int hosts_reach(struct context *c)
{
    char **argv = base_alloc(((size_t)c->arg_count + 2) * sizeof *argv);
    for (int i = 0; i < c->arg_count; i++)
        argv[i] = c->args[i];
    argv[c->arg_count] = (char[]){"sh"};
    int status = near_run(&c->config, c->value['N'], argv, c->value['B'] != NULL);
    free(argv);
    return status;
}

static int hosts_unreach(struct context *c)
{
    buf target = {0};
    buf_str(&target, "/reach?name=");
    http_put_encoded(&target, span_of(c->args[0]));
    int status = context_ask(c, "DELETE", buf_cstr(&target), NULL);
    buf_free(&target);
    return status;
}

static int hosts_relay(struct context *c)
{
    buf out = {0};
    if (!c->value['P'])
        return far_run(&c->config);
    buf_str(&out, MUX_PROTOCOL "\n");
    return context_write(&out);
}
