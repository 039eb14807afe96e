#include "ui.h"

/* names - lists of names: computers, the keys of folded rows, lines typed before. */

#define NAMES_SAVED_MAX (STORE_RECORD_MAX / 5) /* bytes of a list: four are saved in one file */

static int names_find(const struct names *n, const char *name)
{
    for (int i = 0; i < n->count; i++)
        if (strcmp(n->list[i], name) == 0)
            return i;
    return -1;
}

static const char *names_first(const struct names *n)
{
    return n->count ? n->list[0] : "local";
}

static void names_insert(struct names *n, int at, char *name)
{
    n->list = base_grow(n->list, (size_t)(n->count + 1) * sizeof *n->list);
    memmove(&n->list[at + 1], &n->list[at], (size_t)(n->count++ - at) * sizeof *n->list);
    n->list[at] = name;
}

static void names_add(struct names *n, char *name)
{
    names_insert(n, n->count, name);
}

static void names_remove(struct names *n, int at)
{
    free(n->list[at]);
    memmove(&n->list[at], &n->list[at + 1], (size_t)(--n->count - at) * sizeof *n->list);
}

static void names_free(struct names *n)
{
    while (n->count)
        free(n->list[--n->count]);
    free(n->list);
    *n = (struct names){0};
}

/* Returns the index of a name in a sorted list, or with *found 0 the index to insert it at. */
static int names_place(const struct names *n, const char *name, int *found)
{
    int low = 0, high = n->count;
    *found = 0;
    while (low < high && !*found) {
        int middle = (low + high) / 2, order = strcmp(n->list[middle], name);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

static int names_has(const struct names *n, const char *name)
{
    int found;
    names_place(n, name, &found);
    return found;
}

static int names_set(struct names *n, const char *name, int in)
{
    int found, at = names_place(n, name, &found);
    if (!in == !found)
        return 0;
    if (in)
        names_insert(n, at, base_dup(name));
    else
        names_remove(n, at);
    return 1;
}

static int names_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_sort(struct names *n)
{
    int count = n->count;
    base_sort(n->list, (size_t)count, sizeof *n->list, names_compare);
    n->count = 0;
    for (int i = 0; i < count; i++) {
        if (n->count && strcmp(n->list[n->count - 1], n->list[i]) == 0)
            free(n->list[i]);
        else
            n->list[n->count++] = n->list[i];
    }
}

static void names_put(const struct names *n, const char *member, buf *b)
{
    size_t bytes = 0;
    int from = n->count;
    while (from && (bytes += strlen(n->list[from - 1])) <= NAMES_SAVED_MAX)
        from--;
    json_field_strings(b, member, from ? n->list + from : n->list, n->count - from);
}

static void names_load(struct names *n, struct json array)
{
    for (struct json_iter it = json_iter(array); json_next(&it);) {
        char *name = json_dup_text(it.value);
        if (name && *name)
            names_set(n, name, 1);
        free(name);
    }
}
