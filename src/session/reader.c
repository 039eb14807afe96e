#include "private.h"

/* reader - when a holder reads its screen, and what the state makes of it. A reading costs the text
 * of all rows: it comes READER_QUIET_MS after the last output, every READER_BUSY_MS while little
 * comes, and at a new title. A dialog that is being redrawn must not look answered: while output
 * comes, two readings must agree that a question has gone. */

#ifndef READER_QUIET_MS
#define READER_QUIET_MS 100
#endif
#ifndef READER_BUSY_MS
#define READER_BUSY_MS 500
#endif
#define READER_STOP_MS 1500 /* from a hook's stop to the screen that shows it */
#define READER_FLOOD (64 * 1024) /* bytes: the screen is not complete */
#define READER_COMMAND_MAX 4096  /* bytes */

/* ---- rows ----------------------------------------------------------------------------------- */

static void reader_copy_rows(const struct holder *h, struct reader_rows *r)
{
    size_t ends[GRID_ROWS_MAX], start = 0;
    r->text = (buf){0};
    r->count = vt_rows(h->vt);
    for (int row = 0; row < r->count; row++) {
        vt_put_row(h->vt, &r->text, row);
        ends[row] = r->text.n;
    }
    for (int row = 0; row < r->count; start = ends[row++])
        r->rows[row] = span_sub((span){buf_cstr(&r->text), ends[row]}, start);
}

static size_t reader_count_text(const struct holder *h)
{
    struct reader_rows r;
    reader_copy_rows(h, &r);
    size_t n = r.text.n;
    buf_free(&r.text);
    return n;
}

static void reader_mark(const struct holder *h, struct reader_mark *m)
{
    struct reader_rows r;
    int col;
    reader_copy_rows(h, &r);
    m->rows = r.count;
    vt_cursor(h->vt, &m->cursor, &col);
    for (int row = 0; row < r.count; row++)
        m->hashes[row] = span_hash(r.rows[row]);
    buf_free(&r.text);
}

static int reader_changed_rows(const struct holder *h, const struct reader_mark *m, int rows)
{
    struct reader_mark now;
    int changed = 0;
    reader_mark(h, &now);
    for (int row = 0; row < now.rows && row < m->rows && row < rows; row++)
        changed += now.hashes[row] != m->hashes[row];
    return changed;
}

static int reader_has_moved(const struct holder *h, const struct reader_mark *m)
{
    struct reader_mark now;
    int changed = 0;
    reader_mark(h, &now);
    for (int row = 0; now.rows == m->rows && row < now.rows; row++)
        changed += now.hashes[row] != m->hashes[row];
    return changed > 1 || (changed && now.cursor != m->cursor);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int reader_is_at_shell(const struct holder *h, const struct termios *modes)
{
    return h->reader.is_shell && !(modes->c_lflag & ICANON) &&
           tcgetpgrp(h->pty.io.fd) == h->pid;
}

static void reader_scan(const struct holder *h, struct reader_screen *seen, struct question *q)
{
    struct termios modes = {.c_lflag = ECHO};
    struct reader_rows *r = &seen->rows;
    struct question_screen *s = &seen->screen;
    reader_copy_rows(h, r);
    if (h->slave >= 0)
        tcgetattr(h->slave, &modes);
    *s = (struct question_screen){.rows = r->rows,
                                  .count = r->count,
                                  .alternate = (vt_modes(h->vt) & VT_ALT_SCREEN) != 0,
                                  .echo = (modes.c_lflag & ECHO) != 0,
                                  .canonical = (modes.c_lflag & ICANON) != 0,
                                  .at_shell = reader_is_at_shell(h, &modes),
                                  .title = vt_title(h->vt),
                                  .agent = h->reader.agent};
    vt_cursor(h->vt, &s->row, &s->col);
    question_read(s, q);
}

static void reader_drop(struct reader_screen *seen)
{
    buf_free(&seen->rows.text);
}

static void reader_put_choices(const struct question *q, buf *b)
{
    json_open(b, '[');
    for (int i = 0; i < q->option_count; i++)
        json_put_string(b, q->options[i]);
    json_close(b, ']');
}

static int reader_box_row(const struct holder *h, const struct reader_rows *r)
{
    struct question_screen s = {.rows = r->rows, .count = r->count, .agent = h->reader.agent};
    return question_find_box(&s);
}

/* Indented, but not to the right edge, and no tool's result. */
static int reader_continues(span row)
{
    uint32_t cp = 0;
    utf8_next(span_trim(row, " "), &cp);
    int is_box = cp >= 0x2500 && cp < 0x25a0, is_spinner = cp >= 0x2800 && cp < 0x2900;
    return span_starts(row, "  ") && !span_starts(row, "                ") && !is_box &&
           !is_spinner && cp != 0x23bf; /* ⎿ */
}

static int reader_is_border(span row)
{
    row = span_trim(row, " ");
    return span_starts(row, "─") || span_starts(row, "▄") || span_starts(row, "▀");
}

/* A mark of blanks: a word must follow. */
static int reader_begins_message(span row, const char *mark)
{
    size_t n = strlen(mark);
    if (mark[0] != ' ')
        return span_starts(question_bare(row), mark);
    return span_starts(row, mark) && row.n > n && (unsigned char)row.p[n] < 0x80 && row.p[n] > ' ';
}

static int reader_is_message(const struct holder *h, span row)
{
    const struct agents_screen *agent = h->reader.agent;
    return reader_begins_message(row, agent->said) &&
           !(agent->aside && question_has(row, agent->aside));
}

/* Finds the rows *first to the returned one. */
static int reader_find_paragraph(const struct holder *h, const struct question_screen *s, int row,
                                 int end, int *first)
{
    const struct agents_screen *agent = h->reader.agent;
    int last = row;
    *first = row;
    if (agent->said[0] == ' ')
        while (*first > 0 && reader_is_message(h, s->rows[*first - 1]))
            --*first;
    for (int at = row + 1; agent->said[0] != ' ' && at < end; at++) {
        if (!question_bare(s->rows[at]).n && !reader_is_border(s->rows[at]))
            continue;
        if (!reader_continues(s->rows[at]) || (agent->aside && question_has(s->rows[at],
                                                                            agent->aside)))
            break;
        *first = last < at - 1 ? at : *first;
        last = at;
    }
    return last;
}

/* Keeps what the agent said above its input box. */
static void reader_keep_said(struct holder *h, const struct question_screen *s, int box)
{
    const char *mark = h->reader.agent ? h->reader.agent->said : NULL;
    int end = box >= 0 ? box : s->count, row = end - 1, first;
    buf text = {0};
    while (mark && row >= 0 && !reader_is_message(h, s->rows[row]))
        row--;
    if (!mark || row < 0)
        return;
    int last = reader_find_paragraph(h, s, row, end, &first);
    for (int at = first; at <= last; at++) {
        span line = span_trim(question_bare(s->rows[at]), " ");
        if (at == row && mark[0] != ' ')
            line = span_trim(span_sub(line, strlen(mark)), " ");
        buf_str(&text, text.n ? " " : "");
        buf_span(&text, line);
    }
    buf_clear(&h->reader.said);
    status_put_characters(&h->reader.said, buf_view(&text), HOLDER_LINE_MAX);
    buf_free(&text);
}

static void reader_keep(struct holder *h, const struct question_screen *s, const struct question *q)
{
    struct reader *r = &h->reader;
    buf_clear(&r->reason);
    buf_clear(&r->asks);
    buf_clear(&r->choices);
    r->kind = q->kind;
    if (q->kind == QUESTION_NONE)
        return;
    buf_str(&r->reason, q->rule);
    if (q->row >= 0) {
        buf_fmt(&r->reason, ", line %d: ", q->row + 1);
        status_put_characters(&r->reason, span_trim(s->rows[q->row], " "), HOLDER_LINE_MAX);
    }
    question_put_text(s, q, &r->asks);
    if (q->option_count)
        reader_put_choices(q, &r->choices);
}

/* More than a spinner has changed, but not by a viewer's focus or size. */
static int reader_check_bell(struct holder *h)
{
    struct reader *r = &h->reader;
    int rings = h->state.kind == STATE_WAITING && h->state.source == STATE_BY_BELL;
    if (!rings || r->marked_at < h->state.bell_at || r->marked_at < h->state.looked_at) {
        if (rings && h->loop.now - h->state.bell_at >= STATE_BELL_MS &&
            h->loop.now - h->state.looked_at >= STATE_BELL_MS) {
            reader_mark(h, &r->mark);
            r->marked_at = h->loop.now;
        }
        return 0;
    }
    return reader_has_moved(h, &r->mark);
}

/* A question may stand although a reading shows none. */
static int reader_is_unsure(struct holder *h, enum question_kind kind, int quiet)
{
    struct reader *r = &h->reader;
    r->misses = kind == QUESTION_NONE ? r->misses + 1 : 0;
    return r->misses == 1 && !quiet && h->state.kind == STATE_WAITING;
}

/* Takes the question from the screen, unless a hook has said more. */
static void reader_renew_asked(struct holder *h)
{
    span screen = buf_view(&h->reader.asks), known = buf_view(&h->asked);
    int by_hook = h->state.source == STATE_BY_HOOK && known.n;
    if (h->state.kind != STATE_WAITING || h->reader.kind == QUESTION_NONE || !screen.n ||
        (by_hook && (question_has(known, ": ") || !question_has(screen, ": "))))
        return;
    buf_clear(&h->asked);
    status_put_characters(&h->asked, screen, HOLDER_LINE_MAX);
    status_changed(h); /* cache_update compares */
}

/* An agent may draw its screen anew; without its box for longer, it has another one. */
static int reader_is_ready(const struct holder *h)
{
    const struct reader *r = &h->reader;
    return r->ready && (r->boxed || h->loop.now - r->boxed_at >= STATE_SILENT_MS);
}

/* Nothing of a turn is shown a while after the last input, or the last hook, and all sleep. Looks
 * at the processes. */
static int reader_is_resting(const struct holder *h, const struct question *q)
{
    const struct state *s = &h->state;
    long long begun = s->typed_at > s->since ? s->typed_at : s->since, now = h->loop.now;
    int by_hook = s->source == STATE_BY_HOOK, boxed = h->reader.boxed;
    if (s->kind != STATE_WORKING || !s->phrased || q->working || q->kind != QUESTION_NONE ||
        h->messages || h->first == MESSAGE_FIRST_PENDING || (by_hook && !boxed))
        return 0;
    return now - begun >= (boxed && !by_hook ? STATE_OVER_MS : STATE_IDLE_MS) &&
           (!by_hook || now - s->hook_at >= STATE_IDLE_MS) &&
           now - h->reader.output_at >= READER_BUSY_MS && life_is_asleep(h->pid);
}

/* Agents report a stop up to 1 s before they draw what they said. */
static void reader_settle_stop(struct holder *h)
{
    if (!h->stop_at)
        return;
    long long since = h->loop.now - h->stop_at;
    int drawing = h->state.works || h->loop.now - h->reader.output_at < READER_QUIET_MS ||
                  (h->state.phrased && since < READER_QUIET_MS);
    if (drawing && since < READER_STOP_MS) {
        reader_expect(h, h->loop.now + READER_QUIET_MS);
        return;
    }
    h->stop_at = 0;
    status_apply(h, (struct state_input){.event = STATE_ON_STOP}, (span){0});
}

/* Returns the agent whose name is the program's, or its script's ("node", "/bin/codex"); or NULL.
 * The words end with NULs. */
static const struct agents_row *reader_name_agent(span words)
{
    char *program = span_dup(span_cut(&words, '\0')), *script = span_dup(span_cut(&words, '\0'));
    int runs_script = span_is_one_of("node|bun|deno|sh|bash|python|python3",
                                     config_last_part(program));
    const struct agents_row *row = agents_find(config_last_part(runs_script ? script : program));
    free(program), free(script);
    return row;
}

static const struct agents_row *reader_find_agent(pid_t pid)
{
    char path[64];
    buf words = {0};
    base_fmt(path, sizeof path, OS_PROC "/%lld/cmdline", (long long)pid);
    if (os_read_file(&words, path, READER_COMMAND_MAX) != 0)
        buf_clear(&words);
    const struct agents_row *row = reader_name_agent(buf_view(&words));
    buf_free(&words);
    return row;
}

static void reader_set_agent(struct holder *h, const struct agents_row *row)
{
    int known = row && (row->screen.working || row->screen.asking);
    h->reader.agent = known ? &row->screen : NULL;
    h->state.phrased = known && row->screen.working;
}

/* Reads the screen as an agent's while a shell has that in its foreground. */
static void reader_follow_shell(struct holder *h)
{
    struct reader *r = &h->reader;
    pid_t front = r->is_shell ? tcgetpgrp(h->pty.io.fd) : 0;
    if (front <= 0 || (r->agent && front == r->front))
        return;
    const struct agents_screen *old = r->agent;
    r->front = front;
    reader_set_agent(h, front == h->pid ? NULL : reader_find_agent(front));
    if (r->agent == old)
        return;
    r->ready = r->boxed = h->state.ready = h->state.works = 0;
    buf_clear(&r->said), buf_clear(&h->said), buf_clear(&h->last_output);
}

static void reader_read(struct holder *h, int quiet)
{
    struct reader_screen seen;
    struct question q;
    reader_follow_shell(h);
    reader_scan(h, &seen, &q);
    if (h->first == MESSAGE_FIRST_PENDING && h->state.work_until < h->loop.now + STATE_OVER_MS)
        h->state.work_until = h->loop.now + STATE_OVER_MS;
    if (q.kind == QUESTION_TEXT && (!quiet || h->state.hooked))
        q.kind = QUESTION_NONE;
    int unsure = reader_is_unsure(h, q.kind, quiet);
    if (!unsure)
        reader_keep(h, &seen.screen, &q);
    int box = reader_box_row(h, &seen.rows);
    h->reader.boxed = box >= 0;
    h->reader.boxed_at = box >= 0 ? h->loop.now : h->reader.boxed_at;
    h->reader.lines = seen.screen.canonical;
    h->reader.ready = !seen.screen.canonical && (h->reader.ready || box >= 0);
    reader_keep_said(h, &seen.screen, box);
    h->reader.read_at = h->loop.now;
    h->reader.bytes = 0;
    if (!unsure) {
        struct state_input in = {.event = STATE_ON_READ, .asks = q.kind != QUESTION_NONE,
                                 .works = q.working, .ready = reader_is_ready(h),
                                 .rests = reader_is_resting(h, &q),
                                 .moved = reader_check_bell(h)};
        status_apply(h, in, (span){0});
        reader_renew_asked(h);
    }
    reader_drop(&seen);
    reader_settle_stop(h);
}

static void reader_on_stop(struct holder *h)
{
    h->stop_at = h->loop.now;
    reader_read(h, 0);
}

/* ---- when ----------------------------------------------------------------------------------- */

static void reader_expect(struct holder *h, long long due)
{
    if (!h->reader.timer.slot || h->reader.timer.due > due)
        loop_timer_set(&h->loop, &h->reader.timer, due);
}

/* Some states change without output. Never due at once: the loop must go on. */
static void reader_expect_next(struct holder *h)
{
    const struct state *s = &h->state;
    int rings = s->kind == STATE_WAITING && s->source == STATE_BY_BELL;
    int ends = s->kind == STATE_WORKING && s->phrased && !s->works;
    long long soon = h->loop.now + READER_QUIET_MS, due = h->loop.now + READER_BUSY_MS;
    if ((rings && h->reader.marked_at < s->bell_at) ||
        (s->kind == STATE_WAITING && h->reader.misses == 1))
        reader_expect(h, soon);
    if (ends)
        reader_expect(h, s->work_until > soon && s->work_until < due ? s->work_until : due);
}

static void reader_on_timer(void *holder)
{
    struct holder *h = holder;
    struct reader *r = &h->reader;
    long long quiet_at = r->output_at + READER_QUIET_MS, busy_at = r->read_at + READER_BUSY_MS;
    if (h->exited)
        return;
    if (h->loop.now >= quiet_at || r->titled) {
        reader_read(h, h->loop.now >= quiet_at);
        r->titled = 0;
    } else if (h->loop.now >= busy_at) {
        if (r->bytes < READER_FLOOD && !(vt_modes(h->vt) & VT_SYNC))
            reader_read(h, 0);
        r->bytes = 0;
        busy_at = h->loop.now + READER_BUSY_MS;
    }
    if (h->loop.now < quiet_at)
        reader_expect(h, quiet_at < busy_at ? quiet_at : busy_at);
    reader_expect_next(h);
}

static void reader_note_output(struct holder *h, size_t n, int titled)
{
    struct reader *r = &h->reader;
    r->output_at = h->loop.now;
    r->bytes += n;
    if (!titled) {
        reader_expect(h, h->loop.now + READER_QUIET_MS);
        return;
    }
    r->titled = 1;
    reader_expect(h, r->read_at + READER_QUIET_MS);
}

static void reader_on_silence(void *holder)
{
    struct holder *h = holder;
    if (h->stopped || (h->state.kind != STATE_WORKING && h->state.kind != STATE_STARTING))
        return;
    reader_read(h, 1); /* the echo stops without a word */
    long long due = state_silent_at(&h->state);
    if (h->state.phrased && h->state.kind == STATE_STARTING &&
        h->loop.now < h->state.since + STATE_BLANK_MS && reader_is_blank(h))
        due = h->loop.now + STATE_IDLE_MS;
    if (h->loop.now < due) {
        loop_timer_set(&h->loop, &h->silence_timer, due);
        return;
    }
    status_apply(h, (struct state_input){.event = STATE_ON_SILENCE}, (span){0});
}

static int reader_has_box(const struct holder *h)
{
    struct reader_rows r;
    reader_copy_rows(h, &r);
    int found = reader_box_row(h, &r) >= 0;
    buf_free(&r.text);
    return found;
}

static int reader_is_line(const struct holder *h)
{
    struct termios modes = {0};
    return h->slave >= 0 && tcgetattr(h->slave, &modes) == 0 && (modes.c_lflag & ICANON);
}

static int reader_is_blank(const struct holder *h)
{
    struct reader_rows r;
    reader_copy_rows(h, &r);
    int blank = r.text.n == 0;
    buf_free(&r.text);
    return blank;
}

static uint32_t reader_line(const struct holder *h)
{
    struct reader_rows r;
    int row, col;
    reader_copy_rows(h, &r);
    vt_cursor(h->vt, &row, &col);
    int box = reader_box_row(h, &r);
    uint32_t line = span_hash(r.rows[box >= 0 ? box : row]) + (box >= 0 ? 0 : (uint32_t)row);
    buf_free(&r.text);
    return line;
}

static int reader_put_draft(const struct holder *h, buf *b)
{
    struct reader_screen seen;
    struct question q;
    span draft = {0};
    reader_scan(h, &seen, &q);
    int found = question_find_draft(&seen.screen, &draft);
    if (found)
        status_put_characters(b, draft, HOLDER_LINE_MAX);
    reader_drop(&seen);
    return found;
}

static int reader_count_shown(const struct holder *h, span text)
{
    struct reader_rows r;
    buf begin = {0};
    int count = 0;
    text = span_trim(text, " \n");
    status_put_characters(&begin, span_cut(&text, '\n'), 16); /* a longer one may be wrapped */
    reader_copy_rows(h, &r);
    for (int row = 0; begin.n && row < r.count; row++)
        for (span rest = r.rows[row]; rest.n >= begin.n; rest = span_sub(rest, 1))
            if (memcmp(rest.p, begin.p, begin.n) == 0) {
                count++;
                break;
            }
    buf_free(&begin);
    buf_free(&r.text);
    return count;
}

/* A script or -c asks as any program. */
static int reader_is_shell(char *const *argv, const char *program)
{
    static const char shells[] = "sh|bash|zsh|fish|dash|ksh|mksh|ash|yash|tcsh";
    int options = span_is_one_of(shells, program);
    for (int i = 1; options && argv[i]; i++)
        options = argv[i][0] == '-' && strcmp(argv[i], "-c") != 0;
    return options;
}

static void reader_init(struct holder *h, char *const *argv, char *const *env,
                        const char *directory, const char *agent)
{
    const char *program = config_last_part(argv[0]);
    const struct agents_row *row = agent ? agents_find(agent) : NULL;
    if (!row)
        row = agents_find(program);
    reader_set_agent(h, row);
    h->reader.is_shell = reader_is_shell(argv, program);
    h->reader.lines = 1;
    native_init(h, row, env, directory);
}
