#include "ui.h"

/* filter - the words that a list is filtered by. */

static unsigned char filter_lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Fills the fallback table of Knuth, Morris and Pratt, so that a search is linear in the text. */
static void filter_prepare(struct filter_word *w)
{
    w->back[0] = 0;
    for (int i = 1, k = 0; i < w->n; i++) {
        while (k && w->text[i] != w->text[k])
            k = w->back[k - 1];
        k += w->text[i] == w->text[k];
        w->back[i] = (unsigned char)k;
    }
}

static int filter_has(const struct filter_word *w, const char *text)
{
    int k = 0;
    for (; text && *text && k < w->n; text++) {
        unsigned char c = filter_lower(*text);
        while (k && w->text[k] != c)
            k = w->back[k - 1];
        k += w->text[k] == c;
    }
    return k == w->n;
}

static const char *const filter_states[] = {"waiting", "working",     "idle",  "exited",
                                            "starting", "unreachable", "unseen"};
static const char *const filter_marks[] = {"pending", "ready", "in_progress"};

/* Returns the first state that begins as the word; *more: another one does, too. */
static const char *filter_state(const struct filter *f, const struct filter_word *w, int *more)
{
    const char *found = NULL, *const *states = f->of_todos ? filter_marks : filter_states;
    size_t count = f->of_todos ? COUNT_OF(filter_marks) : COUNT_OF(filter_states);
    *more = 0;
    for (size_t i = 0; i < count; i++)
        if (strncmp(states[i], (const char *)w->text + 3, (size_t)w->n - 3) == 0) {
            *more |= found != NULL;
            found = found ? found : states[i];
        }
    return found;
}

static const char *filter_complete(const struct filter *f)
{
    const struct filter_word *w = f->count ? &f->words[f->count - 1] : NULL;
    int more;
    const char *state = w && w->is_state ? filter_state(f, w, &more) : NULL;
    return state && !more && strlen(state) + 3 > (size_t)w->n ? state + w->n - 3 : NULL;
}

static const char *filter_wrong(const struct filter *f)
{
    int more;
    for (int i = 0; i < f->count; i++)
        if (f->words[i].is_state && !filter_state(f, &f->words[i], &more))
            return f->of_todos
                       ? "is: pending, ready, in_progress"
                       : "is: waiting, working, idle, exited, starting, unreachable, unseen";
    return NULL;
}

static void filter_set(struct filter *f, const char *text)
{
    span rest = span_of(text);
    f->count = 0;
    while (rest.n && f->count < FILTER_WORDS_MAX) {
        span word = span_cut(&rest, ' ');
        struct filter_word *w = &f->words[f->count];
        if (!word.n)
            continue;
        w->n = (int)(word.n < FILTER_WORD_MAX ? word.n : FILTER_WORD_MAX);
        for (int i = 0; i < w->n; i++)
            w->text[i] = filter_lower(word.p[i]);
        w->is_state = w->n >= 3 && memcmp(w->text, "is:", 3) == 0;
        filter_prepare(w);
        f->count++;
    }
}
