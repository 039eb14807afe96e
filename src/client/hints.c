#include "client.h"

/* hints - what is said to the user once: STATE/hints has a line for each. */

#define HINTS_FILE "%s/hints"
#define HINTS_MAX (64 * 1024)

static int hints_was_said(const struct config *config, const char *agent)
{
    buf path = {0}, text = {0};
    int said = getenv("TELEC_NO_HINTS") != NULL; /* an agent asks, for whom they are not */
    buf_fmt(&path, HINTS_FILE, config->state);
    os_read_file(&text, buf_cstr(&path), HINTS_MAX);
    for (span rest = buf_view(&text); rest.n && !said;)
        said = span_eq(span_cut(&rest, '\n'), agent);
    buf_free(&path);
    buf_free(&text);
    return said;
}

static int hints_may(const struct config *config, const char *agent)
{
    const struct agents_row *row = agent ? agents_find(agent) : NULL;
    buf report = {0}, error = {0};
    int may = row && row->hooks.format && !hints_was_said(config, agent) &&
              settings_install(agent, getenv("HOME"), config->program, SETTINGS_SHOW, &report,
                               &error) > 0;
    buf_free(&report);
    buf_free(&error);
    return may;
}

/* Adds a line to STATE/hints. Returns 0 when that can't be written. */
static int hints_note(const struct config *config, const char *agent)
{
    buf path = {0}, line = {0};
    buf_fmt(&path, HINTS_FILE, config->state);
    buf_fmt(&line, "%s\n", agent);
    int fd = open(buf_cstr(&path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    int noted = fd >= 0 && base_write(fd, buf_view(&line)) == 0;
    if (fd >= 0)
        close(fd);
    buf_free(&path);
    buf_free(&line);
    return noted;
}

static void hints_end(const struct config *config, const char *agent)
{
    if (!hints_was_said(config, agent))
        hints_note(config, agent);
}

static int hints_say_once(const struct config *config, const char *text)
{
    return !hints_was_said(config, text) && hints_note(config, text);
}

/* A hint that can't be noted would be given each time: it is not due. */
static int hints_is_due(const struct config *config, const char *agent)
{
    return hints_may(config, agent) && hints_note(config, agent);
}
