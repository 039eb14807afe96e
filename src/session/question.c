#include "session.h"

/* question - what a program's screen asks its user; pure. A choice is a dialog that one key
 * answers: nothing else may be typed into it. A text is a line prompt on the main screen. A
 * password is a terminal that reads lines and does not echo. An agent's own phrases come from its
 * row of the agents' table. Only the lower part of the screen is read, and a phrase alone never
 * decides: transcripts, logs and editors show the same words. */

#define QUESTION_ABOVE_ROWS 14
#define QUESTION_BELOW_ROWS 5
#define QUESTION_GAP_ROWS 5    /* a description may stand between options */
#define QUESTION_TAIL_ROWS 8   /* rows at the end in which a hint counts */

/* ---- rows ----------------------------------------------------------------------------------- */

/* Tells blanks, box drawing and block elements. */
static int question_is_frame(uint32_t cp)
{
    return cp == ' ' || cp == '|' || cp == 0xa0 || (cp >= 0x2500 && cp < 0x25a0);
}

static span question_bare(span row)
{
    uint32_t cp;
    size_t n;
    while (row.n && (n = utf8_next(row, &cp)) > 0 && question_is_frame(cp))
        row = span_sub(row, n);
    for (size_t back = 1; back <= 3 && back <= row.n; back++) {
        span last = span_sub(row, row.n - back);
        if (((unsigned char)last.p[0] & 0xc0) == 0x80)
            continue;
        if (!utf8_next(last, &cp) || !question_is_frame(cp))
            break;
        row.n -= back;
        back = 0;
    }
    return row;
}

/* Returns the column of `at`. */
static int question_column(span row, const char *at)
{
    int column = 0;
    while (row.n && row.p < at) {
        uint32_t cp;
        size_t n = utf8_next(row, &cp);
        int width = utf8_width(cp);
        column += width > 0 ? width : 0;
        row = span_sub(row, n ? n : row.n);
    }
    return column;
}

/* Returns where the first phrase begins, or -1; in either case. */
static int question_find(span row, const char *phrases)
{
    for (span rest = span_of(phrases); rest.n;) {
        span phrase = span_cut(&rest, '|');
        for (size_t i = 0; phrase.n && i + phrase.n <= row.n; i++)
            if (span_starts_nocase(span_sub(row, i), phrase))
                return (int)i;
    }
    return -1;
}

static int question_has(span row, const char *phrases)
{
    return question_find(row, phrases) >= 0;
}

static span question_row(const struct question_screen *s, int row)
{
    return row >= 0 && row < s->count ? question_bare(s->rows[row]) : (span){0};
}

/* Tells whether the row has only a frame. */
static int question_is_rule(const struct question_screen *s, int row)
{
    return row >= 0 && row < s->count && s->rows[row].n && !question_row(s, row).n;
}

static int question_ends_with(span row, char c)
{
    return row.n && row.p[row.n - 1] == c;
}

/* Above the last `rows` rows with text. */
static int question_tail(const struct question_screen *s, int rows)
{
    int row = s->count;
    while (row > 0 && rows > 0)
        rows -= question_row(s, --row).n > 0;
    return row;
}

/* ---- menus ---------------------------------------------------------------------------------- */

/* "❯ 2. No" */
struct question_option {
    int number, column, marked;
    span label;
};

/* Returns the marker's width with its blank, or 0. */
static int question_cut_marker(span *row)
{
    static const char *const markers[] = {"❯", "›", "●", ">", "▶", "▸", "→"};
    for (size_t i = 0; i < COUNT_OF(markers); i++) {
        size_t n = strlen(markers[i]);
        if (!span_starts(*row, markers[i]))
            continue;
        *row = span_sub(*row, n);
        if (row->n && row->p[0] != ' ')
            return 0;
        *row = span_sub(*row, row->n > 0);
        return 2;
    }
    return 0;
}

static int question_read_option(span whole, struct question_option *o)
{
    span row = question_bare(whole);
    o->column = row.n ? question_column(whole, row.p) : 0;
    int marker = question_cut_marker(&row);
    o->marked = marker > 0;
    o->column += marker;
    size_t digits = 0;
    while (digits < 2 && digits < row.n && row.p[digits] >= '0' && row.p[digits] <= '9')
        digits++;
    if (!digits || row.n < digits + 2 || (row.p[digits] != '.' && row.p[digits] != ')') ||
        row.p[digits + 1] != ' ')
        return 0;
    o->number = 0;
    for (size_t i = 0; i < digits; i++)
        o->number = o->number * 10 + row.p[i] - '0';
    o->label = question_bare(span_sub(row, digits + 2));
    return o->label.n > 0;
}

/* Returns the row of an option in the same column, or -1. */
static int question_next_option(const struct question_screen *s, int row, int step, int number,
                                int column, struct question_option *o)
{
    for (int i = row + step; i >= 0 && i < s->count && (i - row) * step <= QUESTION_GAP_ROWS;
         i += step)
        if (question_read_option(s->rows[i], o) && o->number == number && o->column == column)
            return i;
    return -1;
}

/* The last row that begins as the agent's box and is no option. */
static int question_find_prompt(const struct question_screen *s)
{
    struct question_option o;
    for (int row = s->count - 1; row >= 0; row--)
        if (span_starts(question_row(s, row), s->agent->box))
            return question_read_option(s->rows[row], &o) && o.number <= 2 ? -1 : row;
    return -1;
}

static int question_is_framed(const struct question_screen *s, int row)
{
    return row >= 0 && span_starts(span_trim(s->rows[row], " "), "┃");
}

/*   ┃  a text             the rows above its foot; where there are several, without the last one
 *   ┃                     with text, which names a model
 *   ┃  Build · A model
 *   ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ */
static int question_find_frame(const struct question_screen *s)
{
    int row = s->count - 1, first = -1;
    while (row >= 0 && !span_starts(span_trim(s->rows[row], " "), s->agent->foot))
        row--;
    if (question_is_framed(s, row - 1) && !question_is_framed(s, row - 2))
        return row - 1;
    for (row--; row >= 0 && question_row(s, row).n == 0; row--)
        ;
    for (row--; question_is_framed(s, row); row--)
        if (first < 0 || question_row(s, row).n)
            first = row;
    return first;
}

static int question_find_box(const struct question_screen *s)
{
    int prompt = s->agent && s->agent->box ? question_find_prompt(s) : -1;
    int frame = s->agent && s->agent->foot ? question_find_frame(s) : -1;
    return prompt > frame ? prompt : frame;
}

/* Tells whether an input box stands below: the menu is a quotation then. */
static int question_has_box_below(const struct question_screen *s, int row)
{
    return question_find_box(s) > row;
}

static int question_add_option(struct question *q, const struct question_option *o)
{
    if (q->option_count >= QUESTION_OPTIONS_MAX || o->number != q->option_count + 1)
        return 0;
    if (o->marked)
        q->selected = q->option_count;
    q->options[q->option_count++] = o->label;
    return 1;
}

/* The next row above that ends with a question mark; or -1. */
static int question_asked_above(const struct question_screen *s, int row)
{
    for (int i = row - 1; i >= 0 && row - i <= QUESTION_ABOVE_ROWS; i--)
        if (question_ends_with(question_row(s, i), '?') ||
            question_ends_with(question_row(s, i), ':'))
            return i;
    return -1;
}

/* "Trust this folder? It can read": the question's row; else the first one of the paragraph above
 * the options, else the marked one. */
static int question_explained_above(const struct question_screen *s, int row, int marked)
{
    for (int i = row - 1; i >= 0 && row - i <= QUESTION_ABOVE_ROWS; i--)
        if (question_has(question_row(s, i), "? "))
            return i;
    int end = row;
    while (end > 0 && row - end < 2 && !question_row(s, end - 1).n)
        end--;
    int head = end;
    while (head > 0 && row - head <= QUESTION_ABOVE_ROWS && question_row(s, head - 1).n)
        head--;
    return head < end ? head : marked;
}

#define QUESTION_HINTS                                                                             \
    "enter to confirm|enter to select|enter to continue|press enter to|enter confirm|enter con|"   \
    "enter continue|esc back|esc to cancel|esc to exit|to navigate|use arrow keys|(esc)"

static int question_hinted_below(const struct question_screen *s, int row)
{
    for (int i = row; i < s->count && i - row <= QUESTION_BELOW_ROWS; i++)
        if (question_has(s->rows[i], QUESTION_HINTS))
            return i;
    return -1;
}

/* Returns the last option's row. */
static int question_read_options(const struct question_screen *s, struct question *q, int first)
{
    struct question_option o;
    int last = first;
    q->option_count = 0;
    q->first = first;
    question_read_option(s->rows[first], &o);
    for (int at = first, column = o.column;
         at >= 0 && question_read_option(s->rows[at], &o) && question_add_option(q, &o);
         at = question_next_option(s, at, 1, q->option_count + 1, column, &o))
        last = at;
    return last;
}

static int question_read_menu(const struct question_screen *s, struct question *q, int marked)
{
    struct question_option o;
    if (!question_read_option(s->rows[marked], &o) || !o.marked)
        return 0;
    int first = marked, column = o.column;
    for (int number = o.number - 1, at; number >= 1; number--) {
        if ((at = question_next_option(s, first, -1, number, column, &o)) < 0)
            return 0;
        first = at;
    }
    int last = question_read_options(s, q, first), asked = question_asked_above(s, first);
    if (q->option_count < 2 || question_has_box_below(s, last) ||
        (asked < 0 && question_hinted_below(s, first) < 0 && question_hinted_below(s, last) < 0 &&
         question_hinted_below(s, question_tail(s, 1)) < 0))
        return 0;
    q->row = asked >= 0 ? asked : question_explained_above(s, first, marked);
    q->rule = "menu";
    return 1;
}

/* None need be marked: colours may tell it. */
static int question_read_above(const struct question_screen *s, struct question *q, int row)
{
    struct question_option o;
    for (int i = row - 1; i >= 0 && row - i <= QUESTION_ABOVE_ROWS; i--)
        if (question_read_option(s->rows[i], &o) && o.number == 1) {
            question_read_options(s, q, i);
            return q->option_count >= 2;
        }
    return 0;
}

/* ---- choices -------------------------------------------------------------------------------- */

static int question_by_menu(const struct question_screen *s, struct question *q)
{
    for (int row = s->count - 1; row >= 0; row--)
        if (question_read_menu(s, q, row))
            return 1;
    return 0;
}

/* A title may be older than the screen: a dialog takes the input box's place. */
static int question_by_title(const struct question_screen *s, struct question *q)
{
    q->rule = "title";
    return question_has(s->title, "action required") && question_find_box(s) < 0;
}

/* "Allow once Allow always Reject", below a dialog's head. It opens with the first one marked.
 * Hints may follow: lower case. */
static void question_read_buttons(const struct question_screen *s, struct question *q)
{
    for (int row = q->row + 1; row < s->count && !q->option_count; row++) {
        span rest = question_row(s, row);
        if (!span_starts(rest, "Allow ") && !span_starts(rest, "Confirm"))
            continue;
        while (rest.n && q->option_count < QUESTION_OPTIONS_MAX && rest.p[0] >= 'A' &&
               rest.p[0] <= 'Z') {
            size_t n = 0;
            while (n < rest.n && !(rest.p[n] == ' ' && n + 1 < rest.n && rest.p[n + 1] == ' '))
                n++;
            q->options[q->option_count++] = (span){rest.p, n};
            rest = span_trim(span_sub(rest, n), " ");
        }
        q->buttons = 1;
    }
}

/* A dialog takes the input box's place. */
static int question_by_agent(const struct question_screen *s, struct question *q)
{
    if (s->agent && s->agent->box && question_find_box(s) >= 0)
        return 0;
    for (int row = question_tail(s, 2 * QUESTION_TAIL_ROWS); s->agent && row < s->count; row++)
        if (s->agent->asking && question_has(s->rows[row], s->agent->asking)) {
            q->row = row;
            q->rule = "agent's dialog";
            question_read_buttons(s, q);
            if (!q->option_count && question_read_above(s, q, row)) {
                int asked = question_asked_above(s, q->first);
                q->row = asked >= 0 ? asked : row;
            }
            return 1;
        }
    return 0;
}

/* ---- lists ---------------------------------------------------------------------------------- */

/* Tells " 2/40" of a finder. */
static int question_is_count(span row)
{
    long long of, among;
    span shown = span_cut(&row, '/'), all = span_cut(&row, ' ');
    return span_int(shown, &of) && span_int(all, &among) && of <= among;
}

/* Consumes a marker, "○" or blanks before an item. */
static span question_item(const struct question_screen *s, int row, int *column)
{
    span text = question_row(s, row);
    if (span_starts(text, "○ "))
        text = span_sub(text, strlen("○ "));
    else
        question_cut_marker(&text);
    text = span_trim(text, " ");
    *column = text.n ? question_column(s->rows[row], text.p) : -1;
    return text;
}

/* Rows around the marked one that begin in its column. */
static void question_read_list(const struct question_screen *s, struct question *q, int marked)
{
    int column, at = marked, other;
    question_item(s, marked, &column);
    for (int row = marked - 1; row >= 0 && marked - row < QUESTION_OPTIONS_MAX; at = row--)
        if (question_item(s, row, &other).n == 0 || other != column ||
            question_is_count(question_row(s, row)))
            break;
    q->first = at;
    q->selected = marked - at;
    q->listed = 1;
    for (; at < s->count && q->option_count < QUESTION_OPTIONS_MAX; at++) {
        span item = question_item(s, at, &other);
        if (!item.n || other != column || question_is_count(question_row(s, at)))
            break;
        q->options[q->option_count++] = item;
    }
}

/* A marked row, and a hint how to choose. */
static int question_by_hint(const struct question_screen *s, struct question *q)
{
    int hint = -1, marked = -1, tail = question_tail(s, QUESTION_TAIL_ROWS);
    for (int row = s->agent ? 0 : tail; row < s->count; row++) { /* an agent's list may be long */
        span bare = question_row(s, row);
        if (hint < 0 && row >= tail &&
            question_has(bare, "use arrow keys|enter to confirm|enter to select|enter to continue|"
                               "enter accept|type to search|esc to close"))
            hint = row;
        if (question_cut_marker(&bare))
            marked = row;
    }
    if (hint < 0 || marked < 0 || (s->agent && question_has_box_below(s, hint)))
        return 0;
    q->row = hint;
    q->rule = "hint";
    question_read_list(s, q, marked);
    return 1;
}

/* Finds "● one" beside "○ two". */
static int question_by_radio(const struct question_screen *s, struct question *q)
{
    for (int row = question_tail(s, QUESTION_TAIL_ROWS); !s->agent && row < s->count; row++)
        if (span_starts(question_row(s, row), "● ") &&
            (span_starts(question_row(s, row - 1), "○ ") ||
             span_starts(question_row(s, row + 1), "○ "))) {
            question_read_list(s, q, row);
            q->row = q->first > 0 && question_row(s, q->first - 1).n ? q->first - 1 : row;
            q->rule = "radio";
            return 1;
        }
    return 0;
}

/* Finds buttons of dialog and whiptail: "< Yes > < No >", "<OK>". */
static int question_by_buttons(const struct question_screen *s, struct question *q)
{
    for (int row = question_tail(s, QUESTION_TAIL_ROWS); s->alternate && row < s->count; row++) {
        span bare = question_row(s, row);
        if (bare.n >= 4 && bare.n < 80 && bare.p[0] == '<' && question_ends_with(bare, '>') &&
            question_has(bare, "ok|yes|cancel")) {
            q->row = row;
            q->rule = "buttons";
            return 1;
        }
    }
    return 0;
}

/* fzf and its like: "3/40" beside the cursor's row, which begins with a marker. */
static int question_by_finder(const struct question_screen *s, struct question *q)
{
    span prompt = question_row(s, s->row);
    int step = question_is_count(question_row(s, s->row - 1)) ? -1 : 1;
    if (!question_cut_marker(&prompt) || !question_is_count(question_row(s, s->row + step)))
        return 0;
    for (int row = s->row + 2 * step; row >= 0 && row < s->count; row += step) {
        span item = question_row(s, row);
        if (question_cut_marker(&item) || span_starts(s->rows[row], "▌")) {
            question_read_list(s, q, row);
            break;
        }
    }
    q->row = s->row;
    q->rule = "finder";
    return 1;
}

/* A script that reads one key: options, then a prompt, and nothing below it. */
static int question_by_key(const struct question_screen *s, struct question *q)
{
    span line = question_row(s, s->row);
    if (!s->alternate || question_tail(s, 1) != s->row || line.n < 2 ||
        !strchr(":?]>", line.p[line.n - 1]) || !question_read_above(s, q, s->row))
        return 0;
    q->row = s->row;
    q->rule = "keys";
    return 1;
}

#define QUESTION_YES_NO "[y/n]|(y/n)|[yes/no]|(yes/no)|y/n?|(y or n)"

/* Tells a row with two letters or more: "(E)dit, (Q)uit:". */
static int question_has_letters(span row)
{
    int found = 0;
    for (size_t i = 0; i + 3 < row.n; i++)
        found += strchr("([", row.p[i]) && isalpha((unsigned char)row.p[i + 1]) &&
                 strchr(")]", row.p[i + 2]) && isalpha((unsigned char)row.p[i + 3]);
    return found > 1;
}

/* Finds a question that one key answers; a shell edits lines. */
static int question_by_yes_no(const struct question_screen *s, struct question *q)
{
    span line = question_row(s, s->row);
    q->row = s->row;
    q->rule = "y/n";
    return !s->at_shell && (question_has(line, QUESTION_YES_NO) ||
                            (question_ends_with(line, ':') && question_has_letters(line)));
}

/* ---- line prompts --------------------------------------------------------------------------- */

/* "Continue? [Y/n]", "name: (parser)": the question stands before the last bracket. */
static span question_before_bracket(span line)
{
    size_t open = line.n;
    if (!question_ends_with(line, ')') && !question_ends_with(line, ']'))
        return line;
    while (open > 0 && line.p[open - 1] != '(' && line.p[open - 1] != '[')
        open--;
    return span_trim((span){line.p, open ? open - 1 : 0}, " ");
}

/* Interpreters and pagers ask nothing: "In [3]:", ":". */
static int question_is_repl(span line)
{
    return line.n <= 1 || span_starts(line, "In [") || span_starts(line, "...:");
}

/* "retry in 3:"; but "Enter the number of item 3:" asks. */
static int question_is_counter(span line)
{
    size_t at = line.n - 1, digits = 0;
    while (at > 0 && line.p[at - 1] != ' ')
        at--;
    for (size_t i = 0; i < at; i++)
        digits += isdigit((unsigned char)line.p[i]) != 0;
    return question_ends_with(line, ':') && isdigit((unsigned char)line.p[at]) && !digits &&
           !question_has(line, "enter|input|number|choose|select|which|what");
}

static int question_by_line(const struct question_screen *s, struct question *q)
{
    if ((s->alternate && !s->canonical) || s->at_shell || s->row < 0 || s->row >= s->count)
        return 0;
    span line = question_row(s, s->row), row = s->rows[s->row];
    int col = question_column(row, row.p + row.n);
    if (!line.n || s->col < col || s->col > col + 2 || question_is_repl(line) ||
        question_is_counter(line))
        return 0;
    if (question_find_box(s) == s->row) /* a draft */
        return 0;
    span asks = question_before_bracket(line);
    q->row = s->row;
    q->rule = "line prompt";
    return question_ends_with(asks, '?') || question_ends_with(asks, ':') ||
           question_has(line, "#?|what now>") || question_has(line, QUESTION_YES_NO) ||
           (question_has(line, "press |hit ") && question_has(line, " to continue| any key"));
}

static int question_by_echo(const struct question_screen *s, struct question *q)
{
    q->row = s->row;
    q->rule = "no echo";
    return !s->echo && s->canonical;
}

/* ---- the table ------------------------------------------------------------------------------ */

static int question_is_working(const struct question_screen *s)
{
    for (int row = question_tail(s, QUESTION_TAIL_ROWS); s->agent && row < s->count; row++)
        if (s->agent->working && question_has(s->rows[row], s->agent->working))
            return 1;
    return 0;
}

static void question_read(const struct question_screen *s, struct question *q)
{
    static const struct {
        int (*fits)(const struct question_screen *s, struct question *q);
        enum question_kind kind;
        int reads_keys; /* one that reads lines draws no dialog: it is older */
    } rules[] = {{question_by_echo, QUESTION_PASSWORD, 0}, {question_by_menu, QUESTION_CHOICE, 1},
                 {question_by_agent, QUESTION_CHOICE, 1}, {question_by_hint, QUESTION_CHOICE, 1},
                 {question_by_title, QUESTION_CHOICE, 1}, {question_by_buttons, QUESTION_CHOICE, 1},
                 {question_by_finder, QUESTION_CHOICE, 1}, {question_by_radio, QUESTION_CHOICE, 1},
                 {question_by_key, QUESTION_CHOICE, 1},    {question_by_yes_no, QUESTION_CHOICE, 1},
                 {question_by_line, QUESTION_TEXT, 0}};
    *q = (struct question){.row = -1, .first = -1};
    for (size_t i = 0; i < COUNT_OF(rules) && q->kind == QUESTION_NONE; i++)
        if (!(rules[i].reads_keys && s->canonical) && rules[i].fits(s, q))
            q->kind = rules[i].kind;
        else
            *q = (struct question){.row = -1, .first = -1};
    q->working = q->kind == QUESTION_NONE && question_is_working(s);
}

/* ---- words ---------------------------------------------------------------------------------- */

/* Behind four blanks stands something else, as the time so far. */
static span question_before_gap(span text)
{
    for (size_t i = 0; i + 4 <= text.n; i++)
        if (memcmp(text.p + i, "    ", 4) == 0)
            text.n = i;
    return text;
}

static int question_is_boxed(const struct question_screen *s, int row)
{
    return row > 0 && row + 1 < s->count && question_row(s, row).n &&
           question_has(s->rows[row - 1], "╭") && question_has(s->rows[row + 1], "╰");
}

/* Appends the dialog's subject: "$ make", "? Shell make", "→ Edit x.c"; or "Bash command" below a
 * frame, and the next row. Returns 0: nothing. */
static int question_put_subject(const struct question_screen *s, int row, buf *b)
{
    static const char *const marks[] = {"$ ", "? ", "→ "};
    span text = question_row(s, row), below = question_row(s, row + 1);
    int boxed = question_is_boxed(s, row), marked = 0;
    if (!below.n)
        below = question_row(s, row + 2);
    for (size_t i = 0; i < COUNT_OF(marks) && !boxed && !marked; i++)
        if ((marked = span_starts(text, marks[i])))
            text = span_sub(text, strlen(marks[i]));
    if (boxed || marked) {
        text = question_before_gap(text);
        text.n = question_find(text, " ←") > 0 ? (size_t)question_find(text, " ←") : text.n;
        buf_span(b, span_trim(text, " "));
        return 1;
    }
    int at = question_find(text, " command");
    int heads = question_is_rule(s, row - 1) || span_starts(text, "# ");
    if (!heads || at <= 0 || at > 20 || !below.n)
        return 0;
    span rest = span_sub(text, (size_t)at + strlen(" command"));
    if (rest.n && !span_starts(rest, " ·")) /* "Bash command · from the other agent" */
        return 0;
    text = span_trim((span){text.p, (size_t)at}, "# ");
    if (span_starts(below, "$ "))
        below = span_sub(below, 2);
    buf_span(b, text);
    buf_str(b, ": ");
    buf_span(b, below);
    return 1;
}

/* Appends the row with the rows before that it continues: it begins small. */
static void question_put_sentence(const struct question_screen *s, int row, int above, buf *b)
{
    span text = question_row(s, row);
    if (above > 0 && text.n && islower((unsigned char)text.p[0]) && question_row(s, row - 1).n) {
        question_put_sentence(s, row - 1, above - 1, b);
        buf_byte(b, ' ');
    }
    buf_span(b, text);
}

/* Appends the first sentence of "Trust this folder? It can read". Returns 0: no other follows. */
static int question_put_first_sentence(const struct question_screen *s, const struct question *q,
                                       buf *b)
{
    span text = question_row(s, q->row);
    int at = q->kind == QUESTION_CHOICE ? question_find(text, "? ") : -1;
    if (at <= 0 || !isupper((unsigned char)text.p[at + 2]))
        return 0;
    buf_add(b, text.p, (size_t)at + 1);
    return 1;
}

static void question_put_text(const struct question_screen *s, const struct question *q, buf *b)
{
    int top = q->row > QUESTION_ABOVE_ROWS ? q->row - QUESTION_ABOVE_ROWS : 0;
    int last = q->first >= 0 ? q->first - 1 : q->row + 4;
    if (q->kind == QUESTION_CHOICE && s->agent && !question_has(question_row(s, q->row), "trust"))
        for (int row = last < s->count ? last : s->count - 1; row >= top; row--)
            if (question_put_subject(s, row, b))
                return;
    if (question_put_first_sentence(s, q, b))
        return;
    if (q->row >= 0)
        question_put_sentence(s, q->row, q->kind == QUESTION_CHOICE ? 2 : 0, b);
    else if (q->kind == QUESTION_CHOICE)
        buf_str(b, "action required");
}

/* Returns the row of an input box that runs commands, below `row`: "!" between two rules, or above
 * words that tell it; or -1. */
static int question_find_shell(const struct question_screen *s, int row)
{
    int told = 0;
    for (int at = s->count - 1; at > row; at--) {
        int ruled = question_is_rule(s, at - 1) && question_is_rule(s, at + 1);
        if (span_starts(question_row(s, at), "!") && (ruled || told))
            return at;
        told |= question_has(s->rows[at], "shell mode");
    }
    return -1;
}

static int question_find_draft(const struct question_screen *s, span *draft)
{
    int row = question_find_box(s);
    int shell = s->agent && s->agent->box ? question_find_shell(s, row) : -1;
    if (shell >= 0)
        *draft = question_row(s, shell);
    if (shell >= 0 || row < 0)
        return shell >= 0;
    *draft = question_row(s, row);
    if (s->agent->box && span_starts(*draft, s->agent->box))
        *draft = question_bare(span_sub(*draft, strlen(s->agent->box)));
    for (int below = row; s->agent->other && below < s->count; below++)
        if (question_has(s->rows[below], s->agent->other)) {
            *draft = below > row ? question_row(s, below) : *draft;
            return 1;
        }
    if (row == s->row && s->col <= question_column(s->rows[row], draft->p))
        return 0; /* the cursor is before it: a placeholder */
    return draft->n > 0 && !(s->agent->placeholder && question_has(*draft, s->agent->placeholder));
}
