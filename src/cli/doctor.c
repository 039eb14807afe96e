#include "cli.h"

/* doctor - telec doctor: what this host will do to a session, each point with what mends it. Redis
 * is the daemon's to judge: /status. */

struct doctor {
    struct context *c;
    buf text, json;         /* the report, line by line; an open array */
    int bad;
};

/* Adds a point: what was found, and what mends it (NULL: nothing has to be mended). */
static void doctor_say(void *doctor, enum host_verdict verdict, const char *about,
                       const char *found, const char *mend)
{
    struct doctor *d = doctor;
    static const char *const marks[] = {"ok  ", "note", "BAD "}, *const words[] = {"ok", "note",
                                                                                   "bad"};
    buf_fmt(&d->text, "%s  %-12s ", marks[verdict], about);
    utf8_put_visible(&d->text, span_of(found));
    buf_byte(&d->text, '\n');
    if (mend)
        buf_fmt(&d->text, "%20s-> %s\n", "", mend);
    json_open(&d->json, '{');
    json_field_string(&d->json, "about", about);
    json_field_string(&d->json, "verdict", words[verdict]);
    json_field_string(&d->json, "found", found);
    json_field_string(&d->json, "mend", mend);
    json_close(&d->json, '}');
    d->bad |= verdict == HOST_BAD;
}

static void doctor_terminal(struct doctor *d)
{
    struct winsize size = {0};
    const char *term = getenv("TERM"), *locale = getenv("LC_ALL");
    locale = locale && *locale ? locale : getenv("LC_CTYPE");
    locale = locale && *locale ? locale : getenv("LANG");
    buf found = {0};
    int utf8 = span_find(span_of(locale), "UTF-8") || span_find(span_of(locale), "utf8");
    if (!isatty(1) && !isatty(0)) {
        doctor_say(d, HOST_NOTE, "terminal", "none here", NULL);
        return;
    }
    ioctl(isatty(1) ? 1 : 0, TIOCGWINSZ, &size);
    buf_fmt(&found, "%s, %d x %d, %s", term && *term ? term : "TERM is not set", size.ws_col,
            size.ws_row, utf8 ? "UTF-8" : "no UTF-8 by the locale");
    doctor_say(d, utf8 && term ? HOST_GOOD : HOST_NOTE, "terminal", buf_cstr(&found),
               utf8 ? NULL : "LANG=C.UTF-8 if this terminal shows UTF-8");
    buf_free(&found);
}

static void doctor_agents(struct doctor *d)
{
    const struct config *config = &d->c->config;
    int found = 0;
    for (int i = 0; i < config->agent_count; i++) {
        const struct agents_row *row = agents_find(config->agents[i].name);
        buf report = {0}, error = {0}, mend = {0};
        int is_there = row && row->resume && config_can_run(config->agents[i].command);
        int lacks = is_there && row->hooks.format &&
                    settings_install(row->name, getenv("HOME"), config->program, SETTINGS_SHOW,
                                     &report, &error) > 0;
        buf_fmt(&mend, "telec hook --install %s --yes", config->agents[i].name);
        if (is_there)
            doctor_say(d, lacks ? HOST_NOTE : HOST_GOOD, config->agents[i].name,
                       lacks ? "it does not report to telec: its state is read from its screen"
                             : "it is installed, and reports",
                       lacks ? buf_cstr(&mend) : NULL);
        found += is_there;
        buf_free(&report), buf_free(&error), buf_free(&mend);
    }
    if (!found)
        doctor_say(d, HOST_NOTE, "agents", "none is on PATH", NULL);
}

static void doctor_redis(struct doctor *d)
{
    struct context *c = d->c;
    buf found = {0};
    if (!c->config.redis_url[0]) {
        doctor_say(d, HOST_GOOD, "redis", "not configured: this computer is alone", NULL);
        return;
    }
    context_send(c, "GET", "/status", NULL);
    struct json redis = c->status == 200 ? json_get(context_reply(c), "redis") : (struct json){0};
    char *state = json_dup_member(redis, "state");
    char *why = json_dup_member(redis, "why");
    char *address = json_dup_member(redis, "address");
    int good = state && strcmp(state, "ready") == 0;
    buf_fmt(&found, "%s: %s", address ? address : "redis",
            state ? state : "the daemon does not answer");
    if (why && *why && !good)
        buf_fmt(&found, ", %s", why);
    doctor_say(d, good ? HOST_GOOD : HOST_BAD, "redis", buf_cstr(&found),
               good ? NULL : "other computers are not seen until it answers: [redis] url");
    free(state), free(why), free(address);
    buf_free(&found);
}

static int doctor_run(struct context *c)
{
    struct doctor d = {.c = c};
    const struct host host = {&c->config, doctor_say, &d, 0};
    json_open(&d.json, '[');
    host_check(&host);
    doctor_terminal(&d);
    doctor_agents(&d);
    doctor_redis(&d);
    json_close(&d.json, ']');
    buf_byte(&d.json, '\n');
    int status = context_write(c->value['j'] ? &d.json : &d.text);
    buf_free(c->value['j'] ? &d.text : &d.json);
    return status || d.bad;
}
