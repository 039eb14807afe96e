#include "ui.h"

/* keymap - the names of keys, the bindings of [keys], and the footer and help of a key table.
 *
 * The table itself, its contexts and actions are the owner's (keys.c). A row names a key, the
 * contexts in which it is valid, and the function that it runs with an argument. */

/* ---- names of keys -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t key;
} keymap_names[] = {
    {"up", TERM_UP},     {"down", TERM_DOWN},     {"left", TERM_LEFT},   {"right", TERM_RIGHT},
    {"Home", TERM_HOME}, {"End", TERM_END},       {"PgUp", TERM_PGUP},   {"PgDn", TERM_PGDN},
    {"Enter", '\r'},     {"Tab", '\t'},           {"Space", ' '},        {"Esc", 0x1b},
    {"Ins", TERM_INSERT}, {"Del", TERM_DELETE},   {"Backspace", 0x7f},   {"comma", ','},
    {"F1", TERM_F1},     {"F2", TERM_F2},         {"F3", TERM_F3},       {"F4", TERM_F4},
    {"F5", TERM_F5},     {"F6", TERM_F6},         {"F7", TERM_F7},       {"F8", TERM_F8},
    {"F9", TERM_F9},     {"F10", TERM_F10},       {"F11", TERM_F11},     {"F12", TERM_F12},
};

static const struct {
    const char *name;
    unsigned mod;
} keymap_mod_names[] = {{"ctrl-", TERM_CTRL}, {"alt-", TERM_ALT}, {"shift-", TERM_SHIFT}};

static char keymap_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int keymap_has_prefix(span s, const char *prefix)
{
    size_t n = strlen(prefix), i = 0;
    while (i < n && i < s.n && keymap_lower(s.p[i]) == keymap_lower(prefix[i]))
        i++;
    return i == n;
}

/* Makes a key as the decoder does: no Shift with a character, lower case with Ctrl, Tab for
 * Ctrl-I. */
static int keymap_tidy_key(uint32_t *key, unsigned *mods)
{
    if (*key > ' ' && *key < 0x110000 && *key != 0x7f) {
        if (*mods & TERM_SHIFT && *key >= 'a' && *key <= 'z')
            *key -= 32;
        *mods &= ~(unsigned)TERM_SHIFT;
    }
    if (!(*mods & TERM_CTRL) || *key >= 0x110000)
        return 1;
    if (*key >= 'A' && *key <= 'Z')
        *key += 32;
    if (*key == 'i' || *key == 'm' || *key == '[') {
        *key = *key == 'i' ? '\t' : *key == 'm' ? '\r' : 0x1b;
        *mods &= ~(unsigned)TERM_CTRL;
    }
    return *key < 0x80; /* a terminal can't send others */
}

static int keymap_parse_key(span s, uint32_t *key, unsigned *mods)
{
    *mods = 0;
    for (size_t i = 0; i < COUNT_OF(keymap_mod_names); i++)
        if (s.n > strlen(keymap_mod_names[i].name) &&
            keymap_has_prefix(s, keymap_mod_names[i].name)) {
            *mods |= keymap_mod_names[i].mod;
            s = span_sub(s, strlen(keymap_mod_names[i].name));
        }
    for (size_t i = 0; i < COUNT_OF(keymap_names); i++)
        if (s.n == strlen(keymap_names[i].name) && keymap_has_prefix(s, keymap_names[i].name)) {
            *key = keymap_names[i].key;
            return keymap_tidy_key(key, mods);
        }
    return s.n && utf8_next(s, key) == s.n && *key > ' ' && *key != 0x7f && *key != 0xfffd &&
           (*key < 0x7f || *key >= 0xa0) && keymap_tidy_key(key, mods);
}

static void keymap_put_key(buf *b, uint32_t key, unsigned mods)
{
    char bytes[4];
    buf_str(b, mods & TERM_CTRL ? "Ctrl-" : "");
    buf_str(b, mods & TERM_ALT ? "Alt-" : "");
    buf_str(b, mods & TERM_SHIFT ? "Shift-" : "");
    for (size_t i = 0; i < COUNT_OF(keymap_names); i++)
        if (keymap_names[i].key == key) {
            buf_str(b, keymap_names[i].name);
            return;
        }
    if (mods & TERM_CTRL && key >= 'a' && key <= 'z')
        key -= 32;
    buf_add(b, bytes, utf8_encode(key, bytes));
}

/* ---- the key table -------------------------------------------------------------------------- */

#define KEYMAP_BOUND_MAX 8 /* keys of an action */
#define KEYMAP_EXPECTED \
    ": expected a key: a character, Enter, Tab, Space, Esc, up, PgUp, F1 …, with Ctrl-, Alt- or " \
    "Shift- before it"

static const struct config_entry *keymap_bound_to(const struct config *c, const char *action)
{
    for (int i = 0; action && i < c->keys.count; i++)
        if (strcmp(c->keys.items[i].name, action) == 0)
            return &c->keys.items[i];
    return NULL;
}

static const struct keymap_key *keymap_row_of(const struct keymap_key *rows, size_t count,
                                              const char *action)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].action && strcmp(rows[i].action, action) == 0)
            return &rows[i];
    return NULL;
}

static void keymap_push_key(struct keymap_keys *keys, const struct keymap_key *row, int line)
{
    if (keys->count == keys->cap) {
        keys->cap = keys->cap ? keys->cap * 2 : keys->table_count;
        keys->rows = base_grow(keys->rows, keys->cap * sizeof *keys->rows);
        keys->lines = base_grow(keys->lines, keys->cap * sizeof *keys->lines);
    }
    keys->rows[keys->count] = *row;
    keys->lines[keys->count++] = line;
}

static const char *keymap_own(struct keymap_keys *keys, const buf *name)
{
    names_add(&keys->owned, span_dup(buf_view(name)));
    return keys->owned.list[keys->owned.count - 1];
}

/* The state of keymap_bind_keys. */
struct keymap_binding {
    struct keymap_keys *keys;
    const struct keymap_key *table;
    size_t count;
    const struct config *config;
    buf *problems; /* may be NULL */
};

static const struct keymap_key *keymap_same_key(const struct keymap_key *row,
                                                const struct keymap_key *like)
{
    return row->key == like->key && row->mods == like->mods && row->contexts & like->contexts
               ? row
               : NULL;
}

/* Returns the row that already has the key: of an action that is not bound, or bound before. */
static const struct keymap_key *keymap_clash(const struct keymap_binding *b,
                                             const struct keymap_key *like)
{
    const struct keymap_key *found = NULL;
    for (size_t i = 0; i < b->count && !found; i++)
        if (!keymap_bound_to(b->config, b->table[i].action))
            found = keymap_same_key(&b->table[i], like);
    for (size_t i = 0; i < b->keys->count && !found; i++)
        found = keymap_same_key(&b->keys->rows[i], like);
    return found;
}

static void keymap_bind_problem(struct keymap_binding *b, const struct config_entry *entry,
                                span about, const char *what)
{
    if (b->problems)
        config_put_problem(b->config, b->problems, entry->line, about, what);
}

/* Reports why a key of the entry isn't bound: unknown, in use, or one too many. */
static void keymap_bind_refused(struct keymap_binding *b, const struct config_entry *entry,
                                span name, const struct keymap_key *other, int known)
{
    buf what = {0};
    if (!known)
        buf_str(&what, KEYMAP_EXPECTED);
    else if (other)
        buf_fmt(&what, ": a key that nothing else has is expected: this one is bound to %s",
                other->action ? other->action : "something fixed");
    else
        buf_fmt(&what, ": at most %d keys are expected", KEYMAP_BOUND_MAX);
    keymap_bind_problem(b, entry, name, buf_cstr(&what));
    buf_free(&what);
}

/* Adds rows like `first` with the keys of the entry. Returns 0 when the entry has keys but no
 * usable one. */
static int keymap_bind_action(struct keymap_binding *b, const struct config_entry *entry,
                              const struct keymap_key *first)
{
    struct keymap_key row = *first;
    int made = 0;
    for (span rest = span_of(entry->value); rest.p && rest.n;) {
        const struct keymap_key *other = NULL;
        span name = span_trim(span_cut(&rest, ','), " \t");
        uint32_t key = 0;
        unsigned mods = 0;
        int known = keymap_parse_key(name, &key, &mods);
        row.key = key & 0xffffff, row.mods = mods & 0xff;
        if (known)
            other = keymap_clash(b, &row);
        if (!known || other || made == KEYMAP_BOUND_MAX) {
            keymap_bind_refused(b, entry, name, known ? other : NULL, known);
            continue;
        }
        buf shown = {0};
        keymap_put_key(&shown, row.key, row.mods);
        row.shown = keymap_own(b->keys, &shown);
        buf_free(&shown);
        keymap_push_key(b->keys, &row, entry->line);
        row.footer = row.help = NULL;
        made++;
    }
    return made || !entry->value[0];
}

/* Adds the action's default rows whose keys no other action has. */
static void keymap_keep_action(struct keymap_binding *b, const struct keymap_key *first)
{
    for (size_t i = (size_t)(first - b->table); i < b->count; i++)
        if (b->table[i].action && strcmp(b->table[i].action, first->action) == 0 &&
            !keymap_clash(b, &b->table[i]))
            keymap_push_key(b->keys, &b->table[i], 0);
}

/* Renames the key column of a help line to list its rows' keys, when one of them was bound. */
static void keymap_name_group(struct keymap_keys *keys, size_t head)
{
    buf names = {0};
    int bound = 0;
    for (size_t i = head; i < keys->count && (i == head || !keys->rows[i].help); i++) {
        const struct keymap_key *row = &keys->rows[i];
        if (!(row->contexts & keys->rows[head].contexts))
            continue;
        bound |= keys->lines[i] > 0;
        buf_str(&names, names.n ? ", " : "");
        keymap_put_key(&names, row->key, row->mods);
    }
    if (bound)
        keys->rows[head].shown = keymap_own(keys, &names);
    buf_free(&names);
}

static void keymap_bind_keys(struct keymap_keys *keys, const struct keymap_key *table, size_t count,
                             const struct config *c, buf *problems)
{
    struct keymap_binding b = {keys, table, count, c, problems};
    const struct keymap_key *helpless = NULL; /* lost its keys; its help goes to the next row */
    *keys = (struct keymap_keys){.table = table, .table_count = count};
    for (size_t i = 0; i < count; i++) {
        const struct config_entry *entry = keymap_bound_to(c, table[i].action);
        size_t before = keys->count;
        if (!entry)
            keymap_push_key(keys, &table[i], 0);
        else if (keymap_row_of(table, count, table[i].action) == &table[i] &&
                 !keymap_bind_action(&b, entry, &table[i]))
            keymap_keep_action(&b, &table[i]);
        if (table[i].help)
            helpless = keys->count == before ? &table[i] : NULL;
        else if (helpless && keys->count > before && table[i].contexts & helpless->contexts) {
            keys->rows[before].help = helpless->help;
            helpless = NULL;
        }
    }
    for (int i = 0; i < c->keys.count; i++)
        if (!keymap_row_of(table, count, c->keys.items[i].name))
            keymap_bind_problem(&b, &c->keys.items[i], span_of(c->keys.items[i].name),
                                ": no such action; telec config lists them");
    for (size_t i = 0; c->keys.count && i < keys->count; i++)
        if (keys->rows[i].help)
            keymap_name_group(keys, i);
}

static void keymap_free_keys(struct keymap_keys *keys)
{
    names_free(&keys->owned);
    free(keys->rows);
    free(keys->lines);
    *keys = (struct keymap_keys){0};
}

static void keymap_put_keys(const struct keymap_keys *keys, const struct config *c, buf *b)
{
    buf_str(b, "[keys]\n");
    for (size_t i = 0; i < keys->table_count; i++) {
        const char *action = keys->table[i].action;
        buf names = {0};
        int line = 0;
        if (!action || keymap_row_of(keys->table, keys->table_count, action) != &keys->table[i])
            continue;
        const struct config_entry *entry = keymap_bound_to(c, action);
        if (entry && !entry->value[0])
            line = entry->line;
        for (size_t k = 0; k < keys->count; k++) {
            const struct keymap_key *row = &keys->rows[k];
            if (!row->action || strcmp(row->action, action) != 0)
                continue;
            line = keys->lines[k];
            buf_str(&names, names.n ? ", " : "");
            keymap_put_key(&names, row->key, row->mods);
        }
        config_put_value(c, b, action, buf_cstr(&names), line);
        buf_free(&names);
    }
}

static const struct keymap_key *keymap_find_key(const struct keymap_key *keys, size_t count,
                                                unsigned context, const struct term_event *ev)
{
    for (size_t i = 0; i < count; i++) {
        unsigned mods = ev->mods;
        if (ev->key < 0x110000 && ev->key > ' ' && ev->key != 0x7f)
            mods &= ~(unsigned)TERM_SHIFT; /* the character includes its shift */
        if ((keys[i].contexts & context) && keys[i].key == ev->key && keys[i].mods == mods)
            return &keys[i];
    }
    return NULL;
}

/* Returns the columns of a key in the footer: its name, and with `words` what it does. */
static int keymap_footer_columns(const struct keymap_key *key, int words)
{
    return cell_columns(span_of(key->shown)) + (words ? 1 + cell_columns(span_of(key->footer)) : 0);
}

static int keymap_footer_put(struct widgets *u, const struct keymap_key *key, int index, int col,
                             int words, int applies)
{
    int row = u->grid->rows - 1, columns = keymap_footer_columns(key, words);
    int used = widget_put(u->grid, row, col, columns, key->shown,
                          widget_style(u, applies ? THEME_KEY : THEME_DIM));
    widget_put(u->grid, row, col + used + 1, columns - used - 1, key->footer,
               widget_style(u, applies ? THEME_HINT : THEME_DIM));
    widget_add_hit(u, row, col, 1, columns, WIDGET_KEY, index, 0);
    return columns + 1 + words;
}

static int keymap_in_footer(const struct keymap_key *key, unsigned context)
{
    return key->footer && key->contexts & context;
}

/* Below, all keys but the first stand without their words, unless all have room. */
#define KEYMAP_FOOTER_COLS 60

static void keymap_footer_draw(struct widgets *u, const struct keymap_key *keys, size_t count,
                               unsigned context, int cols, keymap_applies *applies, void *ctx)
{
    int wide = 1, col = 1, full = 0;
    for (size_t i = 0; i < count; i++)
        if (keymap_in_footer(&keys[i], context))
            wide += keymap_footer_columns(&keys[i], 1) + 2;
    int words = cols >= KEYMAP_FOOTER_COLS || wide <= cols, rest = 1 - words;
    size_t tail = count; /* the first of the last two, which are never omitted */
    for (int found = 0; tail > 0 && found < 2; tail--)
        if (keymap_in_footer(&keys[tail - 1], context)) {
            rest += keymap_footer_columns(&keys[tail - 1], words) + 1 + words;
            found++;
        }
    for (size_t i = 0; i < count; i++) {
        int is_tail = i >= tail, shown = words || col == 1;
        if (!keymap_in_footer(&keys[i], context) || (full && !is_tail))
            continue;
        full = col + keymap_footer_columns(&keys[i], shown) + (is_tail ? 0 : rest) >= cols;
        if (!full)
            col += keymap_footer_put(u, &keys[i], (int)i, col, shown,
                                     !applies || applies(ctx, &keys[i]));
    }
}

/* ---- help ----------------------------------------------------------------------------------- */

static int keymap_help_event(struct keymap_help *h, const struct term_event *ev)
{
    if (ev->type == TERM_KEY && ev->key == 0x1b && h->filter.text.n) {
        field_set(&h->filter, "");
        return 1;
    }
    if (widget_scroll_event(&h->list, ev))
        return 1;
    if (ev->type == TERM_KEY && !ev->mods && ev->key == '?' && !h->filter.text.n)
        return 0; /* the key that opens help closes it */
    if (ev->type == TERM_KEY && (ev->key == TERM_HOME || ev->key == TERM_END))
        return 0; /* they scroll the list, not the filter */
    size_t before = h->filter.text.n;
    int taken = field_event(&h->filter, ev);
    h->list.top = h->filter.text.n != before ? 0 : h->list.top;
    return taken;
}

/* Returns 1 when the text contains the filter; ASCII case is ignored. */
static int keymap_contains(const char *text, span filter)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + filter.n <= n; i++) {
        size_t k = 0;
        while (k < filter.n && keymap_lower(text[i + k]) == keymap_lower(filter.p[k]))
            k++;
        if (k == filter.n)
            return 1;
    }
    return 0;
}

static int keymap_help_matches(const struct keymap_help *h, const struct keymap_key *key)
{
    span filter = buf_view(&h->filter.text);
    return key->help && (keymap_contains(key->shown, filter) || keymap_contains(key->help, filter));
}

/* Draws the filter, and how many lines match it. */
static void keymap_help_draw_filter(struct widgets *u, struct keymap_help *h, int row, int col,
                                    int width, int found, int all)
{
    char counts[40];
    base_fmt(counts, sizeof counts, "%d of %d", found, all);
    int columns = (int)strlen(counts), label = 8;
    int room = width - columns - 1;
    widget_put(u->grid, row, col + width - columns, columns, counts, widget_style(u, THEME_DIM));
    if (room <= label + 2)
        label = 0;
    else
        widget_put(u->grid, row, col, label, "Filter", widget_style(u, THEME_ACCENT));
    field_draw(u->grid, row, col + label, 1, room - label, &h->filter,
               widget_style(u, THEME_FIELD), 1);
}

#define KEYMAP_HELP_WRAP 24 /* a list with fewer columns has each key and its line in one text */

/* Returns the lines of an entry; draws at most `rows` of them. */
static int keymap_help_put(struct widgets *u, const struct keymap_key *key, int row, int col,
                           int names, int width, int rows)
{
    int narrow = width < KEYMAP_HELP_WRAP, indent = narrow ? 0 : names + 2;
    buf text = {0};
    buf_fmt(&text, "%s%s%s", narrow ? key->shown : "", narrow ? ": " : "", key->help);
    int lines = widget_wrapped_draw(u->grid, row, col + indent, width - indent, rows,
                                    buf_view(&text), widget_style(u, THEME_TEXT));
    if (rows > 0)
        widget_put_cut(u->grid, row, col, narrow ? width : names, key->shown,
                       widget_style(u, THEME_KEY));
    buf_free(&text);
    return lines;
}

static void keymap_help_draw(struct widgets *u, struct keymap_help *h,
                             const struct keymap_key *keys, size_t count, const char *title)
{
    int all = 0, found = 0, fit = 0, names = 0, lines = 0, row, col, line = 0, at = 0;
    int width = widget_min(76, u->grid->cols - 4), room = u->grid->rows - 3;
    for (size_t i = 0; i < count; i++)
        if (keys[i].help)
            names = widget_max(names, cell_columns(span_of(keys[i].shown)));
    names = widget_min(names, width / 2);
    for (size_t i = count, rest = 0; i-- > 0;) {
        int height = keys[i].help ? keymap_help_put(u, &keys[i], 0, 0, names, width, 0) : 0;
        all += height > 0;
        lines += height;
        if (!keymap_help_matches(h, &keys[i]))
            continue;
        found++;
        rest += (size_t)height;
        fit += (int)rest <= room; /* of the last entries */
    }
    widget_box_draw(u, lines + 1, width, title, &row, &col);
    room = widget_max(0, widget_min(lines, room));
    keymap_help_draw_filter(u, h, row++, col, width, found, all);
    widget_scroll_fit(&h->list, found, fit);
    for (size_t i = 0; i < count && line < room; i++)
        if (keymap_help_matches(h, &keys[i]) && at++ >= h->list.top)
            line += keymap_help_put(u, &keys[i], row + line, col, names, width, room - line);
}

static void keymap_help_free(struct keymap_help *h)
{
    field_free(&h->filter);
    h->list = (struct widget_scroll){0};
}
