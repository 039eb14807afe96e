#include "ui.h"

/* models - a daemon's events, applied to the tree of sessions and to the todos. */

static void models_event(struct tree *t, struct todos *p, span text)
{
    static const struct {
        const char *event, *member; /* NULL: all of its data */
        void (*tree)(struct tree *t, struct json data);
        void (*todos)(struct todos *p, struct json data);
    } events[] = {
        {"sessions_initial", "sessions", tree_set_sessions, NULL},
        {"session_created", NULL, tree_on_session, NULL},
        {"session_updated", NULL, tree_on_session, NULL},
        {"session_removed", NULL, tree_on_removed, NULL},
        {"computer_updated", NULL, tree_put_computer, todos_on_computer},
        {"computer_removed", NULL, tree_on_computer_removed, todos_on_computer_removed},
        {"preparation_initial", "projects", tree_set_projects, todos_set_projects},
        {"projects_updated", NULL, tree_on_projects, todos_on_projects},
        {"todos_updated", NULL, NULL, todos_on_todos},
        {"agents_updated", NULL, tree_set_agents, NULL},
    };
    struct json message;
    if (!json_read(text, &message))
        return;
    struct json name = {0}, data = {0};
    for (struct json_iter it = json_iter(message); json_next(&it);) /* once: it may be long */
        if (json_text_eq(it.key, "event"))
            name = it.value;
        else if (json_text_eq(it.key, "data"))
            data = it.value;
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        if (!json_text_eq(name, events[i].event))
            continue;
        data = events[i].member ? json_get(data, events[i].member) : data;
        if (t && events[i].tree)
            events[i].tree(t, data);
        if (p && events[i].todos)
            events[i].todos(p, data);
        return;
    }
}
