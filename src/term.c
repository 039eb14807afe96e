/* term - the user's terminal: raw mode, input decoder, cell grid, minimal-difference ANSI output.
 *
 * The decoder takes what xterm and its kin, kitty, rxvt and the Linux console send. The output side
 * speaks ECMA-48 and the xterm additions every terminal of today has. Left out: terminfo, keyboard
 * protocols that would have to be switched on (they are understood, not asked for). */

/* What enters and leaves the screen of a program. Leaving also undoes what an attached session may
 * have left behind: mouse modes, scroll region, charset, wrap. On a terminal without an alternate
 * screen the cursor ends on an empty last line. */
#define TERM_SEQ_ENTER "\33[?1049h\33[?1l\33>\33[?2004h\33[?1004h"
#define TERM_SEQ_MOUSE "\33[?1000h\33[?1002h\33[?1006h"
#define TERM_SEQ_LEAVE                                                                             \
    "\33[?2026l\33[?1006l\33[?1003l\33[?1002l\33[?1000l\33[?1004l\33[?2004l\33[?1l\33>"            \
    "\33[?6l\33[4l\33[r\33(B\17\33[m\33[?7h\33[?25h\33[999H\33[K\33[?1049l"
/* Before a full redraw: the modes that would displace the drawing, and the cursor in its corner. */
#define TERM_SEQ_REDRAW "\33[?6l\33[4l\33[r\33(B\17\33[?7h\33[m\33[H"
#define TERM_SEQ_SYNC_ON "\33[?2026h"
#define TERM_SEQ_SYNC_OFF "\33[?2026l"
#define TERM_SEQ_SHOW "\33[?25h"
#define TERM_SEQ_HIDE "\33[?25l"
#define TERM_SEQ_WRAP_ON "\33[?7h"
#define TERM_SEQ_WRAP_OFF "\33[?7l"
#define TERM_SEQ_ERASE_LINE "\33[K"
#define TERM_SEQ_ERASE_BELOW "\33[J"
#define TERM_SEQ_QUERIES "\33[?2026$p\33]11;?\33\\"
#define TERM_SEQ_PASTE_START "\33[200~"
#define TERM_SEQ_PASTE_END "\33[201~"

#define TERM_PASTE_MARK 6     /* bytes of the two above */
#define TERM_STRING_MAX 256   /* bytes of an OSC or DCS answer */
#define TERM_PARAMS_MAX 8     /* parameters of a key's or mouse's sequence; more are ignored */
#define TERM_VALUE_MAX 0x1fffff

enum { TERM_ESC = 0x1b };

/* ---- input ---- */

enum term_drop { TERM_DROP_NONE, TERM_DROP_PASTE, TERM_DROP_STRING, TERM_DROP_CSI };

/* ESC [ or ESC O taken apart. sub is the first ':' value of each parameter. */
struct term_csi {
    unsigned char prefix, intermediate, final;
    int count;
    uint32_t p[TERM_PARAMS_MAX], sub[TERM_PARAMS_MAX];
    size_t n; /* bytes of it, or of what could be read before it went bad */
};

struct term_key_code {
    uint32_t code, key;
};

/* By the final byte of CSI and SS3. */
static const struct term_key_code term_letter_keys[] = {
    {'A', TERM_UP}, {'B', TERM_DOWN}, {'C', TERM_RIGHT}, {'D', TERM_LEFT}, {'H', TERM_HOME},
    {'F', TERM_END}, {'P', TERM_F1}, {'Q', TERM_F2}, {'R', TERM_F3}, {'S', TERM_F4},
};
/* By the number before '~' (rxvt: before '$', '^' and '@' too). */
static const struct term_key_code term_tilde_keys[] = {
    {1, TERM_HOME}, {2, TERM_INSERT}, {3, TERM_DELETE}, {4, TERM_END},  {5, TERM_PGUP},
    {6, TERM_PGDN}, {7, TERM_HOME},   {8, TERM_END},    {11, TERM_F1},  {12, TERM_F2},
    {13, TERM_F3},  {14, TERM_F4},    {15, TERM_F5},    {17, TERM_F6},  {18, TERM_F7},
    {19, TERM_F8},  {20, TERM_F9},    {21, TERM_F10},   {23, TERM_F11}, {24, TERM_F12},
};
/* Arrows of rxvt: Shift as CSI, Ctrl as SS3. */
static const struct term_key_code term_rxvt_arrows[] = {
    {'a', TERM_UP}, {'b', TERM_DOWN}, {'c', TERM_RIGHT}, {'d', TERM_LEFT},
};
/* The keypad in application mode, by the final byte of SS3. */
static const struct term_key_code term_keypad_keys[] = {
    {'M', '\r'}, {'I', '\t'}, {' ', ' '}, {'X', '='}, {'j', '*'}, {'k', '+'}, {'l', ','},
    {'m', '-'},  {'n', '.'},  {'o', '/'}, {'p', '0'}, {'q', '1'}, {'r', '2'}, {'s', '3'},
    {'t', '4'},  {'u', '5'},  {'v', '6'}, {'w', '7'}, {'x', '8'}, {'y', '9'},
};
/* The private code points of the kitty protocol that are keys of ours. */
static const struct term_key_code term_kitty_keys[] = {
    {57399, '0'},       {57400, '1'},       {57401, '2'},         {57402, '3'},
    {57403, '4'},       {57404, '5'},       {57405, '6'},         {57406, '7'},
    {57407, '8'},       {57408, '9'},       {57409, '.'},         {57410, '/'},
    {57411, '*'},       {57412, '-'},       {57413, '+'},         {57414, '\r'},
    {57415, '='},       {57416, ','},       {57417, TERM_LEFT},   {57418, TERM_RIGHT},
    {57419, TERM_UP},   {57420, TERM_DOWN}, {57421, TERM_PGUP},   {57422, TERM_PGDN},
    {57423, TERM_HOME}, {57424, TERM_END},  {57425, TERM_INSERT}, {57426, TERM_DELETE},
};

static uint32_t term_find_key(const struct term_key_code *table, size_t n, uint32_t code)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (table[i].code == code)
            return table[i].key;
    return 0;
}

/* From a parameter: 1 + shift + 2 alt + 4 ctrl, higher bits being keys we don't tell apart. */
static unsigned term_mods(uint32_t param)
{
    return param ? (param - 1) & (TERM_SHIFT | TERM_ALT | TERM_CTRL) : 0;
}

/* Key 0 leaves the event TERM_UNKNOWN. */
static void term_set_key(struct term_event *ev, uint32_t key, unsigned mods)
{
    if (key == 0)
        return;
    ev->type = TERM_KEY;
    ev->key = key;
    ev->mods = mods;
}

static void term_set_control(struct term_event *ev, unsigned char c)
{
    if (c == '\t' || c == '\r' || c == TERM_ESC || c == 0x7f)
        term_set_key(ev, c, 0);
    else if (c == 0)
        term_set_key(ev, ' ', TERM_CTRL);
    else
        term_set_key(ev, c < TERM_ESC ? c + 0x60u : c + 0x40u, TERM_CTRL);
}

/* A character with its modifiers told apart from it (CSI u, modifyOtherKeys), made what the plain
 * byte would have been: Shift-a is 'A', Ctrl-Shift-A is 'a' with both. */
static void term_set_char(struct term_event *ev, uint32_t cp, unsigned mods)
{
    if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000) || (cp >= 0x80 && cp < 0xa0))
        return;
    if (cp >= 57344 && cp < 63744)
        cp = term_find_key(term_kitty_keys, COUNT_OF(term_kitty_keys), cp);
    if (cp < 0x20 && cp != '\t' && cp != '\r' && cp != TERM_ESC && cp != 0) {
        term_set_control(ev, (unsigned char)cp);
        ev->mods |= mods;
        return;
    }
    if (mods & TERM_CTRL && cp >= 'A' && cp <= 'Z')
        cp += 'a' - 'A';
    else if (mods & TERM_SHIFT && !(mods & TERM_CTRL) && cp > ' ' && cp != 0x7f && cp < TERM_UP) {
        if (cp >= 'a' && cp <= 'z')
            cp -= 'a' - 'A';
        mods &= ~(unsigned)TERM_SHIFT;
    }
    term_set_key(ev, cp, mods);
}

/* code as xterm counts: 0-2 a button, 3 none, 4 shift, 8 alt, 16 ctrl, 32 motion, 64 wheel. x, y
 * from 1. */
static void term_set_mouse(struct term_event *ev, uint32_t code, uint32_t x, uint32_t y,
                           int release)
{
    uint32_t button = code & 3;

    if (code > 127 || (code & 64 && button > 1))
        return;
    ev->type = TERM_MOUSE;
    ev->mods =
        (code & 4 ? TERM_SHIFT : 0u) | (code & 8 ? TERM_ALT : 0u) | (code & 16 ? TERM_CTRL : 0u);
    ev->row = y ? (int)y - 1 : 0;
    ev->col = x ? (int)x - 1 : 0;
    if (code & 64)
        ev->mouse = button ? TERM_WHEEL_DOWN : TERM_WHEEL_UP;
    else if (code & 32)
        ev->mouse = button == 3 ? TERM_MOVE : TERM_DRAG;
    else
        ev->mouse = release || button == 3 ? TERM_RELEASE : TERM_PRESS;
    ev->button = button == 3 || code & 64 ? 0 : (int)button;
}

/* One handler for each kind of CSI sequence; it sets the event or leaves it TERM_UNKNOWN. */
static void term_csi_letter(const struct term_csi *c, struct term_event *ev)
{
    if (c->final == 'R' && (c->count != 2 || c->p[0] != 1 || c->p[1] < 2 || c->p[1] > 16))
        return; /* a cursor position report, not F3 */
    if (c->sub[1] != 3)
        term_set_key(ev, term_find_key(term_letter_keys, COUNT_OF(term_letter_keys), c->final),
                     term_mods(c->p[1]));
}

static void term_csi_rxvt_arrow(const struct term_csi *c, struct term_event *ev)
{
    term_set_key(ev, term_find_key(term_rxvt_arrows, COUNT_OF(term_rxvt_arrows), c->final),
                 TERM_SHIFT);
}

static void term_csi_tilde(const struct term_csi *c, struct term_event *ev)
{
    if (c->sub[1] == 3) /* kitty: a key let go */
        return;
    if (c->p[0] == 27 && c->count == 3)
        term_set_char(ev, c->p[2], term_mods(c->p[1]));
    else
        term_set_key(ev, term_find_key(term_tilde_keys, COUNT_OF(term_tilde_keys), c->p[0]),
                     term_mods(c->p[1]));
}

static void term_csi_rxvt_tilde(const struct term_csi *c, struct term_event *ev)
{
    unsigned mods = (c->final != '^' ? TERM_SHIFT : 0u) | (c->final != '$' ? TERM_CTRL : 0u);

    term_set_key(ev, term_find_key(term_tilde_keys, COUNT_OF(term_tilde_keys), c->p[0]), mods);
}

static void term_csi_unicode(const struct term_csi *c, struct term_event *ev)
{
    if (c->sub[1] != 3)
        term_set_char(ev, c->p[0], term_mods(c->p[1]));
}

static void term_csi_back_tab(const struct term_csi *c, struct term_event *ev)
{
    term_set_key(ev, '\t', term_mods(c->p[1]) | TERM_SHIFT);
}

static void term_csi_mouse_sgr(const struct term_csi *c, struct term_event *ev)
{
    if (c->count == 3)
        term_set_mouse(ev, c->p[0], c->p[1], c->p[2], c->final == 'm');
}

static void term_csi_mouse_urxvt(const struct term_csi *c, struct term_event *ev)
{
    if (c->count == 3 && c->p[0] >= 32)
        term_set_mouse(ev, c->p[0] - 32, c->p[1], c->p[2], 0);
}

static void term_csi_focus(const struct term_csi *c, struct term_event *ev)
{
    if (c->count == 0)
        ev->type = c->final == 'I' ? TERM_FOCUS_IN : TERM_FOCUS_OUT;
}

static void term_csi_mode(const struct term_csi *c, struct term_event *ev)
{
    if (c->count != 2 || c->p[1] > 4)
        return;
    ev->type = TERM_MODE;
    ev->mode = (int)c->p[0];
    ev->value = (int)c->p[1];
}

static const struct {
    unsigned char prefix, intermediate;
    const char *finals;
    void (*set)(const struct term_csi *c, struct term_event *ev);
} term_csi_table[] = {
    {0, 0, "ABCDHFPQRS", term_csi_letter},
    {0, 0, "~", term_csi_tilde},
    {0, 0, "u", term_csi_unicode},
    {0, 0, "Z", term_csi_back_tab},
    {0, 0, "IO", term_csi_focus},
    {0, 0, "abcd", term_csi_rxvt_arrow},
    {0, 0, "$^@", term_csi_rxvt_tilde},
    {0, 0, "M", term_csi_mouse_urxvt},
    {'<', 0, "Mm", term_csi_mouse_sgr},
    {'?', '$', "y", term_csi_mode},
};

static void term_csi_digit(struct term_csi *c, uint32_t *values, int at, unsigned digit)
{
    if (c->count == 0)
        c->count = 1;
    if (at >= TERM_PARAMS_MAX)
        return;
    values[at] = values[at] * 10 + digit;
    if (values[at] > TERM_VALUE_MAX)
        values[at] = TERM_VALUE_MAX;
}

/* Reads from in.p[2] on. BAD: c->n bytes belong to no sequence, or one that is too long. */
static enum parse term_parse_csi(span in, struct term_csi *c)
{
    int at = 0, colons = 0;

    memset(c, 0, sizeof(*c));
    for (c->n = 2; c->n < in.n && c->n < TERM_SEQUENCE_MAX; c->n++) {
        unsigned char ch = (unsigned char)in.p[c->n];
        if (ch >= '0' && ch <= '9') {
            if (colons < 2)
                term_csi_digit(c, colons ? c->sub : c->p, at, ch - '0');
        } else if (ch == ':') {
            colons++;
        } else if (ch == ';') {
            colons = 0;
            c->count = ++at + 1;
        } else if (ch >= '<' && ch <= '?') {
            if (c->n != 2)
                return PARSE_BAD;
            c->prefix = ch;
        } else if ((ch >= 0x40 && ch <= 0x7e) || (ch == '$' && !c->prefix && c->count == 1)) {
            c->final = ch;
            c->n++;
            return PARSE_DONE;
        } else if (ch >= 0x20 && ch < 0x30) {
            c->intermediate = ch;
        } else {
            return PARSE_BAD;
        }
    }
    return c->n == TERM_SEQUENCE_MAX ? PARSE_BAD : PARSE_MORE;
}

/* Where the end mark of a paste starts at or after `from`; in.n when it is not there. */
static size_t term_find_paste_end(span in, size_t from)
{
    for (; from + TERM_PASTE_MARK <= in.n; from++)
        if (in.p[from] == TERM_ESC && span_starts(span_sub(in, from), TERM_SEQ_PASTE_END))
            return from;
    return in.n;
}

static enum parse term_decode_paste(struct term_input *st, span in, size_t *used,
                                    struct term_event *ev)
{
    /* the last start of an end mark */
    const size_t full = TERM_PASTE_MARK + (size_t)TERM_PASTE_MAX;
    span window = {in.p, in.n < full + TERM_PASTE_MARK ? in.n : full + TERM_PASTE_MARK};
    size_t from = st->searched > TERM_PASTE_MARK ? st->searched : TERM_PASTE_MARK;
    size_t end = term_find_paste_end(window, from);

    if (end == window.n && in.n < full + TERM_PASTE_MARK) {
        st->searched = in.n - (TERM_PASTE_MARK - 1);
        return PARSE_MORE;
    }
    st->searched = 0;
    *used = end + TERM_PASTE_MARK;
    if (end == window.n) {
        st->dropping = TERM_DROP_PASTE;
        *used = end = full;
    }
    ev->type = TERM_PASTE;
    ev->text = (span){in.p + TERM_PASTE_MARK, end - TERM_PASTE_MARK};
    return PARSE_DONE;
}

/* ESC [ M and three bytes, each 32 more than what it says. */
static enum parse term_decode_mouse_x10(span in, int flush, size_t *used, struct term_event *ev)
{
    const unsigned char *p = (const unsigned char *)in.p + 3;

    *used = in.n < 6 ? in.n : 6;
    if (in.n < 6)
        return flush ? PARSE_DONE : PARSE_MORE;
    if (p[0] >= 32 && p[1] > 32 && p[2] > 32)
        term_set_mouse(ev, p[0] - 32u, p[1] - 32u, p[2] - 32u, 0);
    return PARSE_DONE;
}

/* The Linux console's F1 to F5: ESC [ [ A to E. */
static enum parse term_decode_linux_key(span in, int flush, size_t *used, struct term_event *ev)
{
    *used = in.n < 4 ? in.n : 4;
    if (in.n < 4)
        return flush ? PARSE_DONE : PARSE_MORE;
    if (in.p[3] >= 'A' && in.p[3] <= 'E')
        term_set_key(ev, TERM_F1 + (uint32_t)(in.p[3] - 'A'), 0);
    else if ((unsigned char)in.p[3] < 0x20 || (unsigned char)in.p[3] > 0x7e)
        *used = 3;
    return PARSE_DONE;
}

static enum parse term_decode_csi(struct term_input *st, span in, int flush, size_t *used,
                                  struct term_event *ev)
{
    struct term_csi c;
    enum parse answer;
    size_t i;

    if (in.n > 2 && in.p[2] == '[')
        return term_decode_linux_key(in, flush, used, ev);
    answer = term_parse_csi(in, &c);
    *used = c.n;
    if (answer == PARSE_MORE && !flush)
        return PARSE_MORE;
    if (answer != PARSE_DONE) {
        if (c.n == 2)
            term_set_key(ev, '[', TERM_ALT);
        if (c.n == TERM_SEQUENCE_MAX)
            st->dropping = TERM_DROP_CSI;
        return PARSE_DONE;
    }
    if (c.final == 'M' && c.n == 3)
        return term_decode_mouse_x10(in, flush, used, ev);
    if (c.n == TERM_PASTE_MARK && span_starts(in, TERM_SEQ_PASTE_START))
        return term_decode_paste(st, in, used, ev);
    for (i = 0; i < COUNT_OF(term_csi_table); i++)
        if (c.prefix == term_csi_table[i].prefix &&
            c.intermediate == term_csi_table[i].intermediate &&
            strchr(term_csi_table[i].finals, c.final)) {
            term_csi_table[i].set(&c, ev);
            break;
        }
    return PARSE_DONE;
}

/* ESC O: a function or keypad key; anything else is Alt-O and what follows it. */
static enum parse term_decode_ss3(span in, int flush, size_t *used, struct term_event *ev)
{
    struct term_csi c;
    enum parse answer;
    unsigned mods;

    if (in.n > 2 && in.p[2] == ' ') { /* the keypad's space: to CSI an intermediate byte */
        term_set_key(ev, ' ', 0);
        *used = 3;
        return PARSE_DONE;
    }
    answer = term_parse_csi(in, &c);
    if (answer == PARSE_MORE && !flush)
        return PARSE_MORE;
    *used = c.n;
    mods = term_mods(c.p[c.count > 1 ? 1 : 0]);
    if (answer == PARSE_DONE && !c.prefix && !c.intermediate) {
        term_set_key(ev, term_find_key(term_letter_keys, COUNT_OF(term_letter_keys), c.final),
                     mods);
        term_set_key(ev, term_find_key(term_keypad_keys, COUNT_OF(term_keypad_keys), c.final),
                     mods);
        term_set_key(ev, term_find_key(term_rxvt_arrows, COUNT_OF(term_rxvt_arrows), c.final),
                     TERM_CTRL);
    }
    if (ev->type != TERM_KEY) {
        term_set_key(ev, 'O', TERM_ALT);
        *used = 2;
    }
    return PARSE_DONE;
}

/* 1 to 4 hexadecimal digits scaled to 0…255, taken off *s; -1: none. */
static int term_take_colour_part(span *s)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t v = 0, most = 0;

    while (s->n && most < 0xffff) {
        char c = s->p[0];
        const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
        if (!found)
            break;
        v = v << 4 | (uint32_t)(found - digits);
        most = most << 4 | 15;
        *s = span_sub(*s, 1);
    }
    return most ? (int)((v * 255 + most / 2) / most) : -1;
}

/* body: of an OSC. 11;rgb:R/G/B with one to four digits each, or rgba: with a fourth part. */
static void term_set_background(struct term_event *ev, span body)
{
    uint32_t colour = 0;
    int i;

    if (span_starts(body, "11;rgb:"))
        body = span_sub(body, 7);
    else if (span_starts(body, "11;rgba:"))
        body = span_sub(body, 8);
    else
        return;
    for (i = 0; i < 3; i++) {
        int part = term_take_colour_part(&body);
        if (part < 0 || (i < 2 && (body.n == 0 || body.p[0] != '/')))
            return;
        if (i < 2)
            body = span_sub(body, 1);
        colour = colour << 8 | (uint32_t)part;
    }
    ev->type = TERM_BACKGROUND;
    ev->colour = colour;
}

/* Is this the start of an answer string (OSC, DCS, APC), or a key with Alt? MORE: can't say yet. */
static enum parse term_is_string(span in)
{
    static const struct {
        char kind;
        const char *first; /* what such an answer begins with */
    } kinds[] = {{']', "0123456789lL"}, {'P', "0123456789>!"}, {'_', "G"}};
    size_t i;

    for (i = 0; i < COUNT_OF(kinds); i++)
        if (in.p[1] == kinds[i].kind) {
            if (in.n < 3)
                return PARSE_MORE;
            return in.p[2] && strchr(kinds[i].first, in.p[2]) ? PARSE_DONE : PARSE_BAD;
        }
    return PARSE_BAD;
}

static enum parse term_decode_string(struct term_input *st, span in, int flush, size_t *used,
                                     struct term_event *ev)
{
    size_t most = in.n < TERM_STRING_MAX ? in.n : TERM_STRING_MAX, i;

    for (i = 2; i < most; i++) {
        char c = in.p[i];
        if (c == TERM_ESC && i + 1 == most)
            break;
        if (c == TERM_ESC && in.p[i + 1] != '\\') { /* cut short by another sequence */
            *used = i;
            return PARSE_DONE;
        }
        if (c == '\a' || c == TERM_ESC || c == 0x18 || c == 0x1a) {
            *used = c == TERM_ESC ? i + 2 : i + 1;
            if (in.p[1] == ']' && c != 0x18 && c != 0x1a)
                term_set_background(ev, (span){in.p + 2, i - 2});
            return PARSE_DONE;
        }
    }
    if (in.n < TERM_STRING_MAX && !flush)
        return PARSE_MORE;
    if (in.n >= TERM_STRING_MAX)
        st->dropping = TERM_DROP_STRING;
    *used = i;
    return PARSE_DONE;
}

static enum parse term_decode_plain(span in, int flush, size_t *used, struct term_event *ev)
{
    unsigned char c = (unsigned char)in.p[0];
    uint32_t cp = c;

    *used = 1;
    if (c < 0x20 || c == 0x7f) {
        term_set_control(ev, c);
        return PARSE_DONE;
    }
    if (c >= 0x80) {
        *used = utf8_next(in, &cp);
        if (*used == 0 && !flush)
            return PARSE_MORE;
        if (*used == 0) {
            *used = in.n;
            cp = 0xfffd;
        }
    }
    if (cp < 0x80 || cp >= 0xa0)
        term_set_key(ev, cp, 0);
    return PARSE_DONE;
}

/* ESC and another: rxvt's Alt before a key's sequence, or the Escape key alone and then something
 * else. */
static enum parse term_decode_escapes(span in, int flush, size_t *used, struct term_event *ev)
{
    struct term_input fresh = {0, 0};
    span inner = span_sub(in, 1);
    enum parse answer = PARSE_BAD;

    if (in.n == 2 && !flush)
        return PARSE_MORE;
    if (in.n > 2 && in.p[2] == '[' && !span_starts(inner, TERM_SEQ_PASTE_START))
        answer = term_decode_csi(&fresh, inner, flush, used, ev);
    else if (in.n > 2 && in.p[2] == 'O')
        answer = term_decode_ss3(inner, flush, used, ev);
    if (answer == PARSE_MORE)
        return PARSE_MORE;
    if (answer == PARSE_DONE && ev->type == TERM_KEY && *used > 2) {
        ev->mods |= TERM_ALT;
        ++*used;
        return PARSE_DONE;
    }
    memset(ev, 0, sizeof(*ev));
    term_set_key(ev, TERM_ESC, 0);
    *used = 1;
    return PARSE_DONE;
}

static enum parse term_decode_event(struct term_input *st, span in, int flush, size_t *used,
                                    struct term_event *ev)
{
    enum parse answer;

    if (in.p[0] != TERM_ESC)
        return term_decode_plain(in, flush, used, ev);
    if (in.n == 1) {
        *used = 1;
        term_set_key(ev, TERM_ESC, 0);
        return flush ? PARSE_DONE : PARSE_MORE;
    }
    if (in.p[1] == '[')
        return term_decode_csi(st, in, flush, used, ev);
    if (in.p[1] == 'O')
        return term_decode_ss3(in, flush, used, ev);
    if (in.p[1] == TERM_ESC)
        return term_decode_escapes(in, flush, used, ev);
    answer = term_is_string(in);
    if (answer == PARSE_DONE)
        return term_decode_string(st, in, flush, used, ev);
    if (answer == PARSE_MORE && !flush)
        return PARSE_MORE;
    answer = term_decode_plain(span_sub(in, 1), flush, used, ev);
    ev->mods |= TERM_ALT;
    ++*used;
    return answer;
}

/* How much of `in` still belongs to the overlong string that is being dropped; st->dropping ends
 * with it. */
static size_t term_drop_string(struct term_input *st, span in, int flush)
{
    size_t i;

    for (i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == TERM_ESC && i + 1 == in.n && !flush)
            return i;
        if (c == '\a' || c == 0x18 || c == 0x1a || c == TERM_ESC) {
            st->dropping = TERM_DROP_NONE;
            return c != TERM_ESC ? i + 1 : i + 1 < in.n && in.p[i + 1] == '\\' ? i + 2 : i;
        }
    }
    if (flush)
        st->dropping = TERM_DROP_NONE;
    return in.n;
}

static size_t term_drop_csi(struct term_input *st, span in, int flush)
{
    size_t i = 0;

    while (i < in.n && in.p[i] >= 0x20 && in.p[i] < 0x40)
        i++;
    if (i < in.n || flush)
        st->dropping = TERM_DROP_NONE;
    return i < in.n && in.p[i] >= 0x40 && in.p[i] < 0x7f ? i + 1 : i;
}

static size_t term_drop_paste(struct term_input *st, span in)
{
    size_t end = term_find_paste_end(in, 0), keep = 0;

    if (end < in.n) {
        st->dropping = TERM_DROP_NONE;
        return end + TERM_PASTE_MARK;
    }
    for (keep = in.n < TERM_PASTE_MARK ? in.n : TERM_PASTE_MARK - 1; keep; keep--)
        if (memcmp(in.p + in.n - keep, TERM_SEQ_PASTE_END, keep) == 0)
            break; /* what may be the start of the mark */
    return in.n - keep;
}

static enum parse term_decode(struct term_input *st, span in, int flush, size_t *used,
                              struct term_event *ev)
{
    enum parse answer = PARSE_MORE;
    size_t skipped = 0;

    if (st->dropping == TERM_DROP_PASTE)
        skipped = term_drop_paste(st, in);
    else if (st->dropping == TERM_DROP_STRING)
        skipped = term_drop_string(st, in, flush);
    else if (st->dropping == TERM_DROP_CSI)
        skipped = term_drop_csi(st, in, flush);
    in = span_sub(in, skipped);
    memset(ev, 0, sizeof(*ev));
    ev->type = TERM_UNKNOWN;
    if (!st->dropping && in.n)
        answer = term_decode_event(st, in, flush, used, ev);
    if (answer == PARSE_MORE)
        *used = 0;
    if (!ev->text.p)
        ev->text = (span){in.p, *used};
    *used += skipped;
    return answer;
}

/* ---- the grid ---- */

/* What is seen on a blank too. */
enum { TERM_DECORATED = CELL_REVERSE | CELL_UNDERLINE | CELL_STRIKE | CELL_OVERLINE };

/* What a terminal without UTF-8 gets for the line-drawing and punctuation that interfaces use. */
static const struct {
    uint32_t first, last;
    char plain;
} term_ascii_table[] = {
    {0xa0, 0xa0, ' '},     {0xb7, 0xb7, '.'},     {0x2010, 0x2015, '-'}, {0x2018, 0x2019, '\''},
    {0x201c, 0x201d, '"'}, {0x2022, 0x2022, '*'}, {0x2026, 0x2026, '.'}, {0x2190, 0x2190, '<'},
    {0x2191, 0x2191, '^'}, {0x2192, 0x2192, '>'}, {0x2193, 0x2193, 'v'}, {0x2500, 0x2501, '-'},
    {0x2502, 0x2503, '|'}, {0x2504, 0x2505, '-'}, {0x2506, 0x2507, '|'}, {0x2508, 0x2509, '-'},
    {0x250a, 0x250b, '|'}, {0x250c, 0x254b, '+'}, {0x254c, 0x254d, '-'}, {0x254e, 0x254f, '|'},
    {0x2550, 0x2550, '='}, {0x2551, 0x2551, '|'}, {0x2552, 0x2570, '+'}, {0x2574, 0x2574, '-'},
    {0x2580, 0x259f, '#'},
};

static int term_clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* Rows of a grid's cells that many rows of a frame can be at once, and that nobody draws into. */
enum {
    TERM_ROW_BLANK,   /* memory is touched, and looked at, only where something is drawn */
    TERM_ROW_UNKNOWN, /* no cell looks like this: what the terminal shows before a first frame */
    TERM_ROW_OWN      /* from here on each row has its own content */
};

static struct cell *term_cells(const struct term_grid *g, int number)
{
    return g->cells + (size_t)number * (size_t)g->cols;
}

/* Makes a row of the back or the front the one with that number. */
static void term_set_row(struct term_grid *g, unsigned short *row, int number)
{
    int old = *row;

    if (number >= TERM_ROW_OWN)
        g->uses[number]++;
    *row = (unsigned short)number;
    if (old >= TERM_ROW_OWN && --g->uses[old] == 0)
        g->spare[g->spare_count++] = (unsigned short)old;
}

static void term_grid_free(struct term_grid *g)
{
    free(g->cells);
    free(g->back);
    free(g->front);
    free(g->spare);
    free(g->uses);
    free(g->notes);
    cell_pool_free(&g->pool);
    buf_free(&g->scratch);
    *g = (struct term_grid){.depth = g->depth, .ascii = g->ascii, .sync = g->sync};
}

static void term_grid_resize(struct term_grid *g, int rows, int cols)
{
    term_grid_free(g);
    g->rows = term_clamp(rows, 1, VT_ROWS_MAX);
    g->cols = term_clamp(cols, 1, VT_COLS_MAX);
    size_t rows_of = (size_t)g->rows * sizeof(*g->back), size = (size_t)g->cols * sizeof(*g->cells);
    g->spare_count = 2 * g->rows; /* enough when all rows of both frames differ */
    g->cells = base_grow(NULL, (size_t)(TERM_ROW_OWN + g->spare_count) * size);
    g->back = base_alloc(rows_of); /* of TERM_ROW_BLANK */
    g->front = base_alloc(rows_of);
    g->spare = base_alloc(2 * rows_of);
    g->uses = base_alloc((size_t)(TERM_ROW_OWN + g->spare_count));
    g->notes = base_alloc((size_t)g->rows * sizeof(*g->notes));
    for (int i = 0; i < g->spare_count; i++) /* the first one is taken first */
        g->spare[i] = (unsigned short)(TERM_ROW_OWN + g->spare_count - 1 - i);
    memset(term_cells(g, TERM_ROW_BLANK), 0, size);
    memset(term_cells(g, TERM_ROW_UNKNOWN), 0xff, size);
    g->shown_cursor = g->at_row = g->at_col = -1;
}

static void term_clear(struct term_grid *g)
{
    for (int row = 0; row < g->rows; row++)
        term_set_row(g, &g->back[row], TERM_ROW_BLANK);
    g->cursor_shown = 0;
}

static const struct cell *term_back(const struct term_grid *g, int row)
{
    return term_cells(g, g->back[row]);
}

static const struct cell *term_front(const struct term_grid *g, int row)
{
    return term_cells(g, g->front[row]);
}

/* A row to draw into: a copy of its own, when what it is has other uses. */
static struct cell *term_row(struct term_grid *g, int row)
{
    int old = g->back[row];

    if (old < TERM_ROW_OWN || g->uses[old] > 1) {
        int own = g->spare[--g->spare_count];
        memcpy(term_cells(g, own), term_cells(g, old), (size_t)g->cols * sizeof(*g->cells));
        term_set_row(g, &g->back[row], own);
    }
    return term_cells(g, g->back[row]);
}

/* Blanks the wide character that stands on both sides of the boundary before col, if any. */
static void term_split(const struct term_grid *g, struct cell *row, int col)
{
    if (col <= 0 || col >= g->cols || !(row[col].attr & CELL_TAIL))
        return;
    row[col - 1].rune = 0;
    row[col - 1].attr &= CELL_STYLE_MASK;
    row[col].attr &= CELL_STYLE_MASK;
}

static struct cell_style term_style(const struct cell *c)
{
    struct cell_style s = {c->fg, c->bg, (uint16_t)(c->attr & CELL_STYLE_MASK)};

    return s;
}

static struct cell term_make_cell(uint32_t rune, struct cell_style style, unsigned half)
{
    struct cell c = {rune == ' ' ? 0 : rune, style.fg, style.bg, 0, 0};

    c.attr = (uint16_t)((style.attr & CELL_STYLE_MASK) | half);
    return c;
}

/* One grapheme of `width` columns that lie inside of the row. */
static void term_set(const struct term_grid *g, struct cell *row, int col, uint32_t rune, int width,
                     struct cell_style style)
{
    /* a full pool gives the first code point alone, which may be narrower */
    int wide = width == 2 && (rune & CELL_CLUSTER || utf8_width(rune) == 2);

    term_split(g, row, col);
    term_split(g, row, col + width);
    row[col] = term_make_cell(rune, style, wide ? CELL_WIDE : 0);
    if (width == 2)
        row[col + 1] = term_make_cell(0, style, wide ? CELL_TAIL : 0);
}

static void term_set_ascii(const struct term_grid *g, struct cell *row, int col, uint32_t cp,
                           int width, struct cell_style style)
{
    uint32_t plain = '?';
    size_t i;

    for (i = 0; i < COUNT_OF(term_ascii_table); i++)
        if (cp >= term_ascii_table[i].first && cp <= term_ascii_table[i].last)
            plain = (unsigned char)term_ascii_table[i].plain;
    for (; width > 0; width--)
        term_set(g, row, col++, cp < 0x80 ? cp : plain, 1, style);
}

static int term_is_plain(span s)
{
    size_t i;

    for (i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] > 0x7e)
            return 0;
    return 1;
}

/* text with nothing in it that could act on a terminal, long enough for `width` columns. */
static span term_clean(struct term_grid *g, span text, int width)
{
    size_t most = ((size_t)width + 1) * CELL_TEXT_MAX;

    if (text.n > most) /* the cut may fall into a character: it lies past the width */
        text.n = most;
    if (term_is_plain(text))
        return text;
    buf_clear(&g->scratch);
    utf8_put_visible(&g->scratch, text);
    return buf_view(&g->scratch);
}

static void term_put_grapheme(struct term_grid *g, struct cell *row, int col, span grapheme,
                              int width, struct cell_style style)
{
    uint32_t cp = (unsigned char)grapheme.p[0];

    if (grapheme.n > 1 && g->ascii) {
        utf8_next(grapheme, &cp);
        term_set_ascii(g, row, col, cp, width, style);
    } else {
        term_set(g, row, col, grapheme.n > 1 ? cell_rune(&g->pool, grapheme) : cp, width, style);
    }
}

static int term_put(struct term_grid *g, int row, int col, int width, span text,
                    struct cell_style style)
{
    int at = col, end, step;
    size_t n;

    if (row < 0 || row >= g->rows || col >= g->cols || width <= 0 || col < -VT_COLS_MAX)
        return 0;
    end = width > g->cols - col ? g->cols : col + width;
    for (text = term_clean(g, text, end - col); text.n && at < end;
         text = span_sub(text, n), at += step) {
        n = cell_next_grapheme(text, &step);
        if (step == 0) /* a mark with nothing to stand on */
            continue;
        if (at + step > end) {
            step = 1;
            if (at >= 0)
                term_set(g, term_row(g, row), at, 0, 1, style);
        } else if (at >= 0) {
            term_put_grapheme(g, term_row(g, row), at, (span){text.p, n}, step, style);
        } else if (at + step > 0) {
            term_set(g, term_row(g, row), 0, 0, 1, style);
        }
    }
    return at - col;
}

/* Cuts [*from, *from + *n) to [0, most); 0: nothing is left. */
static int term_clip(int *from, int *n, int most)
{
    long long first = *from, last = first + *n;

    if (first < 0)
        first = 0;
    if (last > most)
        last = most;
    if (*n <= 0 || first >= last)
        return 0;
    *from = (int)first;
    *n = (int)(last - first);
    return 1;
}

static void term_fill(struct term_grid *g, int row, int col, int rows, int cols,
                      struct cell_style style)
{
    const struct cell blank = term_make_cell(0, style, 0);
    int i;

    if (!term_clip(&row, &rows, g->rows) || !term_clip(&col, &cols, g->cols))
        return;
    for (; rows > 0; rows--, row++) {
        struct cell *cells = term_row(g, row);
        term_split(g, cells, col);
        term_split(g, cells, col + cols);
        for (i = 0; i < cols; i++)
            cells[col + i] = blank;
    }
}

static void term_restyle(struct term_grid *g, int row, int col, int cols, unsigned set_attr)
{
    struct cell *cells;
    unsigned clear = set_attr & CELL_UNDERLINE ? CELL_UNDERLINE : 0;
    int end;

    if (row < 0 || row >= g->rows || !term_clip(&col, &cols, g->cols))
        return;
    cells = term_row(g, row);
    end = col + cols;
    col -= (cells[col].attr & CELL_TAIL) != 0; /* both halves of what is wide look the same */
    end += end < g->cols && cells[end].attr & CELL_TAIL;
    for (; col < end; col++)
        cells[col].attr = (uint16_t)((cells[col].attr & ~clear) | (set_attr & CELL_STYLE_MASK));
}

/* The rune of another pool's cell in ours; nothing that could act on a terminal comes through. */
static uint32_t term_adopt(struct term_grid *g, uint32_t rune, const struct cell_pool *pool,
                           uint32_t *first)
{
    char text[CELL_TEXT_MAX];
    size_t n;

    *first = rune;
    if ((rune >= 0x20 && rune < 0x7f) || (rune >= 0xa0 && rune < 0x2000) || rune == 0)
        return rune;
    if (rune >= 0x2070 && !(rune & CELL_CLUSTER))
        return rune;
    n = cell_text(pool, rune, text);
    buf_clear(&g->scratch);
    utf8_put_visible(&g->scratch, (span){text, n});
    utf8_next(buf_view(&g->scratch), first);
    if (g->scratch.n != n || memcmp(g->scratch.p, text, n) != 0)
        return *first;
    return cell_rune(&g->pool, (span){text, n});
}

/* `room`: columns that may be drawn in; a wide character that needs more is a blank. Returns its
 * width: its right half is drawn with it. */
static int term_put_cell(struct term_grid *g, int row, int col, int room, const struct cell *cell,
                         const struct cell_pool *pool)
{
    struct cell_style style = term_style(cell);
    int width = cell->attr & CELL_WIDE ? 2 : 1;
    struct cell *cells = term_row(g, row);
    uint32_t first, rune = cell->attr & CELL_TAIL ? 0 : term_adopt(g, cell->rune, pool, &first);

    if (width > room)
        rune = 0, width = 1;
    if (rune >= 0x80 && g->ascii)
        term_set_ascii(g, cells, col, first, width, style);
    else
        term_set(g, cells, col, rune, width, style);
    return width;
}

/* The bulk of every screen: printable ASCII or a blank, and no wide character in the way. */
static int term_is_simple(const struct cell *from, const struct cell *to)
{
    return ((from->rune >= 0x20 && from->rune < 0x7f) || from->rune == 0) &&
           !((from->attr | to->attr) & (CELL_WIDE | CELL_TAIL));
}

static void term_put_cells(struct term_grid *g, int row, int col, const struct cell *cells, int n,
                           const struct cell_pool *pool)
{
    int skipped = col, most = n;

    if (row < 0 || row >= g->rows || !term_clip(&col, &most, g->cols))
        return;
    cells += col - skipped;
    for (struct cell *to = term_row(g, row) + col; most > 0;) {
        int width = 1;
        if (term_is_simple(cells, to))
            *to = term_make_cell(cells->rune, term_style(cells), 0);
        else
            width = term_put_cell(g, row, col, most, cells, pool);
        most -= width, to += width, cells += width, col += width;
    }
}

static void term_recolour(struct term_grid *g, int row, int col, int cols, uint32_t fg,
                          uint32_t bg)
{
    if (row < 0 || row >= g->rows || !term_clip(&col, &cols, g->cols))
        return;
    for (struct cell *cell = term_row(g, row) + col; cols > 0; cols--, cell++) {
        cell->fg = fg ? fg : cell->fg;
        cell->bg = bg ? bg : cell->bg;
    }
}

/* ---- the frame ---- */

/* The terminal while a frame is written: where its cursor is (-1 unknown) and the style it draws
 * in. */
struct term_pen {
    const struct term_grid *g;
    buf *b;
    int row, col;
    struct cell_style style;
};

/* A cursor movement under construction. */
struct term_move {
    size_t n;
    char text[64];
};

static int term_is_blank(const struct cell *c)
{
    return c->rune == 0 && !(c->attr & (CELL_WIDE | CELL_TAIL));
}

/* Can erasing in default style make this cell? */
static int term_is_erased(const struct cell *c)
{
    return term_is_blank(c) && c->bg == 0 && !(c->attr & TERM_DECORATED);
}

/* Do a and b look the same? Compared as two words each: most cells are. */
static int term_same(const struct cell *a, const struct cell *b)
{
    uint64_t x[2], y[2];

    memcpy(x, a, sizeof(x));
    memcpy(y, b, sizeof(y));
    if (x[0] == y[0] && x[1] == y[1])
        return 1;
    return term_is_blank(a) && term_is_blank(b) && a->bg == b->bg &&
           !((a->attr | b->attr) & TERM_DECORATED);
}

/* Can the cell be drawn without a change of style? */
static int term_pen_fits(const struct term_pen *pen, const struct cell *c)
{
    if (term_is_blank(c) && !((c->attr | pen->style.attr) & TERM_DECORATED))
        return c->bg == pen->style.bg;
    return cell_style_eq(pen->style, term_style(c));
}

static void term_set_pen(struct term_pen *pen, struct cell_style style)
{
    cell_put_sgr(pen->b, pen->style, style, pen->g->depth);
    pen->style = style;
}

static void term_move_add(struct term_move *m, char c, int times)
{
    while (times-- > 0 && m->n < sizeof(m->text))
        m->text[m->n++] = c;
}

/* ESC [ n final; n = 1 is left out. */
static void term_move_csi(struct term_move *m, int n, char final)
{
    term_move_add(m, '\33', 1);
    term_move_add(m, '[', 1);
    if (n >= 1000)
        term_move_add(m, (char)('0' + n / 1000), 1);
    if (n >= 100)
        term_move_add(m, (char)('0' + n / 100 % 10), 1);
    if (n >= 10)
        term_move_add(m, (char)('0' + n / 10 % 10), 1);
    if (n > 1)
        term_move_add(m, (char)('0' + n % 10), 1);
    if (final)
        term_move_add(m, final, 1);
}

static struct term_move term_move_absolute(int row, int col)
{
    struct term_move m = {0, ""}, right = {0, ""};

    term_move_csi(&m, row + 1, 0);
    if (col > 0) {
        term_move_csi(&right, col + 1, 0);
        term_move_add(&m, ';', 1);
        memcpy(m.text + m.n, right.text + 2, right.n - 2);
        m.n += right.n - 2;
    }
    term_move_add(&m, 'H', 1);
    return m;
}

/* The shortest way along the row from `from` (-1 unknown) to col. */
static struct term_move term_move_along(int from, int col)
{
    struct term_move best = {0, ""}, other = {0, ""};

    if (from == col)
        return best;
    term_move_csi(&best, col + 1, 'G');
    term_move_add(&other, '\r', 1);
    if (col > 0)
        term_move_csi(&other, col, 'C');
    if (other.n < best.n)
        best = other;
    if (from < 0)
        return best;
    other.n = 0;
    if (from < col)
        term_move_csi(&other, col - from, 'C');
    else if (from - col <= 3)
        term_move_add(&other, '\b', from - col);
    else
        term_move_csi(&other, from - col, 'D');
    return other.n < best.n ? other : best;
}

static void term_move_down(struct term_move *m, int rows)
{
    if (rows < 0)
        term_move_csi(m, -rows, 'A');
    else if (rows <= 3)
        term_move_add(m, '\n', rows);
    else
        term_move_csi(m, rows, 'B');
}

/* Does drawing the unchanged cells between the cursor and col again take fewer than `most` bytes?
 */
static int term_gap_is_cheap(const struct term_pen *pen, int col, size_t most)
{
    const struct cell *cells = term_back(pen->g, pen->row);
    int i;

    if (col <= pen->col || (size_t)(col - pen->col) >= most)
        return 0;
    for (i = pen->col; i < col; i++)
        if (cells[i].rune >= 0x7f || cells[i].attr & CELL_TAIL || !term_pen_fits(pen, &cells[i]))
            return 0;
    return 1;
}

static void term_goto(struct term_pen *pen, int row, int col)
{
    struct term_move move, other;

    if (pen->row == row && pen->col == col)
        return;
    move = term_move_absolute(row, col);
    if (pen->row >= 0) {
        other = term_move_along(pen->col, col); /* first this: it ends a pending wrap */
        term_move_down(&other, row - pen->row);
        if (other.n <= move.n)
            move = other;
    }
    if (pen->row == row && pen->col >= 0 && term_gap_is_cheap(pen, col, move.n)) {
        const struct cell *cells = term_back(pen->g, row);
        for (; pen->col < col; pen->col++)
            buf_byte(pen->b, cells[pen->col].rune ? (char)cells[pen->col].rune : ' ');
        return;
    }
    buf_add(pen->b, move.text, move.n);
    pen->row = row;
    pen->col = col;
}

/* Columns that a terminal takes which shows the code points of the grapheme one by one. */
static int term_loose_width(const struct cell_pool *pool, uint32_t rune)
{
    char text[CELL_TEXT_MAX];
    span s = {text, cell_text(pool, rune, text)};
    int columns = 0;

    while (s.n) {
        uint32_t cp;
        int width;
        s = span_sub(s, utf8_next(s, &cp));
        width = utf8_width(cp);
        columns += width > 0 ? width : 0;
    }
    return columns;
}

/* One character that ends in the screen's last column and row, where a terminal may scroll. */
static int term_is_corner(const struct term_grid *g, int row, int col, int width)
{
    return row == g->rows - 1 && col + width == g->cols;
}

static void term_put_no_wrap(struct term_pen *pen, span text, int no_wrap)
{
    if (no_wrap)
        buf_str(pen->b, TERM_SEQ_WRAP_OFF);
    buf_span(pen->b, text);
    if (no_wrap)
        buf_str(pen->b, TERM_SEQ_WRAP_ON);
}

/* Draws a grapheme of which terminals disagree how wide it is, so that each ends up right: what may
 * show beside it is blanked before, the cursor's place is taken as unknown after. Returns how many
 * columns behind it may have been damaged. */
static int term_draw_loose(struct term_pen *pen, int row, int col, const struct cell *c, int width)
{
    char text[CELL_TEXT_MAX];
    span s = {text, cell_text(&pen->g->pool, c->rune, text)};
    const struct cell *front = term_front(pen->g, row) + col;
    int loose = term_loose_width(&pen->g->pool, c->rune);
    int corner = term_is_corner(pen->g, row, col, width);
    int wraps = loose > width && col + loose > pen->g->cols;

    if (width == 2 && loose < 2 && !term_is_erased(front + 1)) {
        term_goto(pen, row, col + 1);
        term_put_no_wrap(pen, (span){" ", 1}, corner);
        pen->col = -1;
        term_goto(pen, row, col);
    }
    /* without wrap some terminals lose what joins in the last column: only where it is needed */
    term_put_no_wrap(pen, s, wraps || (corner && !(c->rune & CELL_CLUSTER)));
    /* letters with accents are as wide everywhere */
    pen->col = loose == width && (unsigned char)text[0] < 0xe1 && col + width < pen->g->cols
                   ? col + width
                   : -1;
    return loose > width ? loose - width : 0;
}

/* Clusters, emoji (each year brings some that older terminals don't know), and what would join with
 * the character before it if it came right after: flag halves, leading jamo. */
static int term_is_loose(uint32_t rune)
{
    return rune >= 0x1f000 || (rune >= 0x1100 && rune <= 0x115f) ||
           (rune >= 0xa960 && rune <= 0xa97c);
}

/* Draws the character at col; *damage: columns behind it that must be drawn again. Returns its
 * width. */
static int term_draw(struct term_pen *pen, int row, int col, int *damage)
{
    const struct cell *c = term_back(pen->g, row) + col;
    int width = c->attr & CELL_WIDE ? 2 : 1;
    char text[4] = " ";
    size_t n = 1;

    *damage = 0;
    term_goto(pen, row, col);
    if (!term_pen_fits(pen, c))
        term_set_pen(pen, term_style(c));
    if (term_is_loose(c->rune)) {
        *damage = term_draw_loose(pen, row, col, c, width);
        return width;
    }
    if (c->rune)
        n = utf8_encode(c->rune, text);
    if (term_is_corner(pen->g, row, col, width))
        term_put_no_wrap(pen, (span){text, n}, 1);
    else
        buf_add(pen->b, text, n);
    pen->col = col + width == pen->g->cols ? -1 : col + width; /* at the end a wrap is pending */
    return width;
}

/* Erases from col to the end of the row. */
static void term_erase(struct term_pen *pen, int row, int col)
{
    term_goto(pen, row, col);
    term_set_pen(pen, (struct cell_style){0, 0, 0});
    buf_str(pen->b, TERM_SEQ_ERASE_LINE);
}

/* How many cells from col on, the last of which has changed, are to be blank. */
static int term_blank_run(const struct cell *back, const struct cell *front, int col, int end)
{
    int n = 0, i;

    for (i = col; i < end && term_is_erased(&back[i]); i++)
        if (!term_same(&back[i], &front[i]))
            n = i + 1 - col;
    return n;
}

#define TERM_BLANKS_MIN 12 /* fewer blanks than this are drawn as such */

/* Blanks n cells and leaves the cursor before them. */
static void term_erase_cells(struct term_pen *pen, int row, int col, int n)
{
    struct term_move erase = {0, ""};

    term_goto(pen, row, col);
    term_set_pen(pen, (struct cell_style){0, 0, 0});
    term_move_csi(&erase, n, 'X');
    buf_add(pen->b, erase.text, erase.n);
}

/* Are n cells the same, bit for bit? By words: some memcmp takes bytes. */
static int term_equal(const struct cell *a, const struct cell *b, int n)
{
    uint64_t x[2], y[2], differ = 0;

    for (int i = 0; i < n; i++) {
        memcpy(x, &a[i], sizeof(x));
        memcpy(y, &b[i], sizeof(y));
        differ |= (x[0] ^ y[0]) | (x[1] ^ y[1]);
    }
    return differ == 0;
}

#define TERM_STRIDE 8 /* cells that are compared at once */

/* Notes the first and the last column of the row that have changed. 1: there are any. */
static int term_note_changes(struct term_grid *g, int row)
{
    const struct cell *back = term_back(g, row), *front = term_front(g, row);
    int a = back == front ? g->cols : 0, z = g->cols;

    while (z - a >= TERM_STRIDE && term_equal(&back[a], &front[a], TERM_STRIDE))
        a += TERM_STRIDE;
    while (a < z && term_same(&back[a], &front[a]))
        a++;
    while (z - a >= TERM_STRIDE && term_equal(&back[z - TERM_STRIDE], &front[z - TERM_STRIDE],
                                              TERM_STRIDE))
        z -= TERM_STRIDE;
    while (z > a && term_same(&back[z - 1], &front[z - 1]))
        z--;
    g->notes[row].first = a;
    g->notes[row].last = z - 1;
    return a < z;
}

/*   first..last   the changes          |..unchanged..|#changed#|..|##|###changed to blanks###|
 *   erase         from here on EL, when that is shorter              ^
 *   dirty         up to here a grapheme of unclear width may have drawn over what was right
 * Both halves of a wide character have one style, so they change together. */
static void term_draw_row(struct term_pen *pen, int row, int first, int last)
{
    const struct cell *back = term_back(pen->g, row), *front = term_front(pen->g, row);
    int cols = pen->g->cols, erase = cols, dirty = 0, col, tail = cols;

    while (tail > 0 && term_is_erased(&back[tail - 1]))
        tail--;
    if (last >= tail) {
        erase = tail > first ? tail : first;
        while (term_same(&back[erase], &front[erase]))
            erase++;
        if (last - erase < 3)
            erase = cols;
    }
    for (col = first; col < erase && (col <= last || col < dirty);) {
        int damage, same = col >= dirty && term_same(&back[col], &front[col]);
        if (same) {
            col++;
            continue;
        }
        int blanks = term_blank_run(back, front, col, erase < cols ? erase : last + 1);
        if (blanks >= TERM_BLANKS_MIN) {
            term_erase_cells(pen, row, col, blanks);
            col += blanks;
            continue;
        }
        col += term_draw(pen, row, col, &damage);
        if (damage && col + damage > dirty)
            dirty = col + damage;
        if (dirty > cols)
            dirty = cols;
    }
    if (erase < cols)
        term_erase(pen, row, erase);
}

static int term_row_is_erased(const struct term_grid *g, int row)
{
    int col = g->back[row] == TERM_ROW_BLANK ? 0 : g->cols;

    while (col > 0 && term_is_erased(&term_back(g, row)[col - 1]))
        col--;
    return col == 0;
}

/* Starts over on a terminal that shows who knows what; returns the last row that is to be drawn.
 * Where nobody sees it half done, erasing all of it saves bytes; else only the rows that stay blank
 * are erased, so that the rest does not flash. */
static int term_start_redraw(struct term_grid *g, struct term_pen *pen)
{
    int row = g->rows;

    while (row > 0 && (g->sync || term_row_is_erased(g, row - 1)))
        row--;
    buf_str(pen->b, TERM_SEQ_REDRAW);
    pen->row = pen->col = 0;
    if (row < g->rows) {
        term_goto(pen, row, 0);
        buf_str(pen->b, TERM_SEQ_ERASE_BELOW);
    }
    if (!g->sync)
        return row - 1;
    for (row = 0; row < g->rows; row++) {
        term_set_row(g, &g->front[row], TERM_ROW_BLANK);
        term_note_changes(g, row);
    }
    return g->rows - 1;
}

/* ---- rows that only moved ---- */

#define TERM_SCROLL_COST 28 /* bytes of the sequences that move a band of rows, and a little */
#define TERM_SCROLL_ROWS 3  /* fewer changed rows than this are drawn */
#define TERM_SCROLL_MAX 40  /* rows by which a band is looked for */

/* Rows first … last, whose content is what stood `by` rows below (above when negative). With the
 * rows that it came from they are the band that moves:
 *
 *      top      a        b          first = top, last = bottom - by, by = 1; the row that the move
 *               b   →    c          leaves blank is the band's last one
 *      bottom   c        (blank)                                                            */
struct term_scroll {
    int first, last, by, gain;
};

/* A sum, so that no cell waits for the one before it. Rows with one digest may still differ. */
static uint64_t term_digest(const struct cell *cells, int n)
{
    uint64_t sum = 0, words[2];

    for (int i = 0; i < n; i++) {
        memcpy(words, &cells[i], sizeof words);
        words[0] ^= words[1] * 0xbf58476d1ce4e5b9u;
        sum += words[0] * (0x9e3779b97f4a7c15u + 2 * (uint64_t)i);
    }
    return sum; /* of a blank row: 0 */
}

static void term_note_rows(struct term_grid *g, int top, int bottom)
{
    for (int row = top; row <= bottom; row++) {
        const struct cell *back = term_back(g, row), *front = term_front(g, row);
        struct term_note *note = &g->notes[row];
        note->back = g->back[row] == TERM_ROW_BLANK ? 0 : term_digest(back, g->cols);
        note->front = g->front[row] == TERM_ROW_BLANK ? 0 : term_digest(front, g->cols);
        note->changed = note->filled = 0;
        for (int col = note->first; col <= note->last; col++)
            note->changed += !term_equal(&back[col], &front[col], 1);
        for (int col = 0; col < g->cols && g->back[row] != TERM_ROW_BLANK; col++)
            note->filled += back[col].rune != 0;
    }
}

static int term_band_first(const struct term_scroll *s)
{
    return s->by < 0 ? s->first + s->by : s->first;
}

static int term_band_last(const struct term_scroll *s)
{
    return s->by > 0 ? s->last + s->by : s->last;
}

/* Cells that needn't be drawn, less those that the move damages. */
static int term_scroll_gain(const struct term_grid *g, const struct term_scroll *s)
{
    int gain = -TERM_SCROLL_COST;

    for (int row = term_band_first(s); row <= term_band_last(s); row++) {
        const struct term_note *note = &g->notes[row];
        int inside = row >= s->first && row <= s->last;
        gain += inside ? note->changed : note->changed > note->filled ? 0
                                         : note->changed - note->filled;
    }
    return gain;
}

/* The best move of rows within top … bottom; gain is 0 where none is worth it. Each row is looked
 * at once for each distance. */
static struct term_scroll term_find_scroll(const struct term_grid *g, int top, int bottom)
{
    struct term_scroll best = {0, 0, 0, 0};
    int most = bottom - top < TERM_SCROLL_MAX ? bottom - top : TERM_SCROLL_MAX;

    for (int by = -most; by <= most; by++) {
        int low = by < 0 ? top - by : top, high = by > 0 ? bottom - by : bottom;
        for (int row = low; by != 0 && row <= high; row++) {
            struct term_scroll s = {row, row, by, 0};
            for (; row <= high && g->notes[row].back == g->notes[row + by].front; row++)
                s.gain += g->notes[row].changed;
            s.last = row - 1;
            if (s.gain <= TERM_SCROLL_COST)
                continue;
            s.gain = term_scroll_gain(g, &s);
            if (s.gain > best.gain)
                best = s;
        }
    }
    return best;
}

/* Deletes or inserts lines at the top of the band, which is made the scroll region meanwhile. */
static void term_put_scroll(struct term_pen *pen, int first, int last, int by)
{
    const int whole = first == 0 && last == pen->g->rows - 1;
    struct term_move move = {0, ""};

    if (!whole) {
        buf_fmt(pen->b, "\33[%d;%dr", first + 1, last + 1);
        pen->row = pen->col = 0; /* setting the region moves the cursor home */
    }
    term_goto(pen, first, 0);
    term_move_csi(&move, by < 0 ? -by : by, by < 0 ? 'L' : 'M');
    buf_add(pen->b, move.text, move.n);
    if (!whole) {
        buf_str(pen->b, "\33[r");
        pen->row = pen->col = 0;
    }
}

/* The same in the front. */
static void term_move_front(struct term_grid *g, int first, int last, int by)
{
    int step = by > 0 ? 1 : -1, row = by > 0 ? first : last;

    for (int left = last - first + 1; left > 0; left--, row += step) {
        int from = row + by, inside = from >= first && from <= last;
        term_set_row(g, &g->front[row], inside ? g->front[from] : TERM_ROW_BLANK);
    }
}

/* Moves rows where that saves drawing them. What it shows is still to be drawn. */
static void term_scroll(struct term_grid *g, struct term_pen *pen, int top, int bottom)
{
    struct term_scroll s;

    if (bottom - top + 1 < TERM_SCROLL_ROWS)
        return;
    term_note_rows(g, top, bottom);
    s = term_find_scroll(g, top, bottom);
    for (int row = s.first; s.gain > 0 && row <= s.last; row++) /* digests can be wrong */
        if (!term_equal(term_back(g, row), term_front(g, row + s.by), g->cols))
            return;
    if (s.gain <= 0)
        return;
    term_put_scroll(pen, term_band_first(&s), term_band_last(&s), s.by);
    term_move_front(g, term_band_first(&s), term_band_last(&s), s.by);
    for (int row = term_band_first(&s); row <= term_band_last(&s); row++)
        term_note_changes(g, row);
}

/* Draws all changes; 0: there were none; 2: the end of synchronised output is due. A visible cursor
 * is hidden first when it would be seen running about. */
static int term_draw_changes(struct term_grid *g, struct term_pen *pen)
{
    int top = g->rows, bottom = -1;

    for (int row = 0; row < g->rows; row++)
        if (term_note_changes(g, row)) {
            top = top < row ? top : row;
            bottom = row;
        }
    if (top > bottom) /* of what is unknown every row has changed */
        return 0;
    int runs_about = g->shown_cursor && !(top == bottom && g->cursor_shown && g->cursor_row == top);
    int in_sync = g->sync && (top < bottom || !g->known || runs_about); /* a row needs none */
    if (in_sync)
        buf_str(pen->b, TERM_SEQ_SYNC_ON);
    else if (runs_about) {
        buf_str(pen->b, TERM_SEQ_HIDE);
        g->shown_cursor = 0;
    }
    if (g->known)
        term_scroll(g, pen, top, bottom);
    else
        bottom = term_start_redraw(g, pen);
    for (int row = top; row <= bottom; row++)
        if (g->notes[row].first <= g->notes[row].last)
            term_draw_row(pen, row, g->notes[row].first, g->notes[row].last);
    term_set_pen(pen, (struct cell_style){0, 0, 0});
    for (int row = 0; row < g->rows; row++)
        term_set_row(g, &g->front[row], g->back[row]);
    g->known = 1;
    return 1 + in_sync;
}

static void term_place_cursor(struct term_grid *g, struct term_pen *pen)
{
    if (g->cursor_shown)
        term_goto(pen, term_clamp(g->cursor_row, 0, g->rows - 1),
                  term_clamp(g->cursor_col, 0, g->cols - 1));
    if (g->shown_cursor != (g->cursor_shown != 0))
        buf_str(pen->b, g->cursor_shown ? TERM_SEQ_SHOW : TERM_SEQ_HIDE);
    g->shown_cursor = g->cursor_shown != 0;
    g->at_row = pen->row;
    g->at_col = pen->col;
}

/* Forgets the graphemes that are not on the screen any more. The back is the front here. */
static void term_tidy_pool(struct term_grid *g)
{
    struct cell_pool fresh = {0};
    char text[CELL_TEXT_MAX];

    for (int number = TERM_ROW_OWN; number < TERM_ROW_OWN + 2 * g->rows; number++) {
        struct cell *cells = term_cells(g, number);
        for (int col = 0; g->uses[number] && col < g->cols; col++)
            if (cells[col].rune & CELL_CLUSTER) {
                span s = {text, cell_text(&g->pool, cells[col].rune, text)};
                cells[col].rune = cell_rune(&fresh, s);
            }
    }
    cell_pool_free(&g->pool);
    g->pool = fresh;
}

static void term_frame(struct term_grid *g, buf *b)
{
    struct term_pen pen = {g, b, g->at_row, g->at_col, {0, 0, 0}};
    int drawn;

    if (!g->known) {
        for (int row = 0; row < g->rows; row++)
            term_set_row(g, &g->front[row], TERM_ROW_UNKNOWN);
        g->shown_cursor = -1;
    }
    drawn = term_draw_changes(g, &pen);
    term_place_cursor(g, &pen);
    if (drawn > 1)
        buf_str(b, TERM_SEQ_SYNC_OFF);
    if (drawn && g->pool.count > CELL_CLUSTERS_MAX / 2)
        term_tidy_pool(g);
}

/* ---- the terminal ---- */

/* The saved terminal mode, and the stack that a handler of a stack overflow needs. */
static struct {
    volatile sig_atomic_t active, entered;
    int in_fd, out_fd;
    struct termios modes;
    long crash_stack[32 * 1024 / sizeof(long)];
} term_saved;

/* All of it, even to a descriptor that does not block; gives up after a second without progress. */
static void term_write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        struct pollfd ready = {fd, POLLOUT, 0};
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        } else if (done < 0 && errno == EAGAIN) {
            if (poll(&ready, 1, 1000) == 0)
                return;
        } else if (done == 0 || errno != EINTR) {
            return;
        }
    }
}

/* tcsetattr that is not stopped by SIGTTOU when we are in the background. */
static int term_set_modes(int fd, const struct termios *modes)
{
    sigset_t block, old;
    int answer;

    sigemptyset(&block);
    sigaddset(&block, SIGTTOU);
    sigprocmask(SIG_BLOCK, &block, &old);
    do
        answer = tcsetattr(fd, TCSANOW, modes);
    while (answer < 0 && errno == EINTR);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return answer;
}

static void term_leave(void)
{
    int saved_errno = errno;

    if (!term_saved.active)
        return;
    term_saved.active = 0;
    if (term_saved.entered)
        term_write_all(term_saved.out_fd, TERM_SEQ_LEAVE, sizeof(TERM_SEQ_LEAVE) - 1);
    term_saved.entered = 0;
    term_set_modes(term_saved.in_fd, &term_saved.modes);
    errno = saved_errno;
}

static void term_entered(void)
{
    term_saved.entered = 1;
}

static int term_enter(int in_fd, int out_fd, int mouse, buf *b)
{
    struct termios raw;

    term_leave();
    if (tcgetattr(in_fd, &term_saved.modes) < 0)
        return -1;
    raw = term_saved.modes;
    raw.c_iflag &=
        ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | INPCK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag &= ~(tcflag_t)OPOST;
    raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    term_saved.in_fd = in_fd;
    term_saved.out_fd = out_fd;
    term_saved.active = 1; /* before anything changes: a signal may come at once */
    if (term_set_modes(in_fd, &raw) < 0) {
        term_saved.active = 0;
        return -1;
    }
    buf_str(b, TERM_SEQ_ENTER);
    if (mouse)
        buf_str(b, TERM_SEQ_MOUSE);
    return 0;
}

/* SA_RESETHAND has put the default action back: raised again, the signal ends the program as it
 * would have. */
static void term_on_crash(int signal_number)
{
    term_leave();
    raise(signal_number);
}

static void term_crash_guard(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction action;
    stack_t stack;
    size_t i;

    memset(&stack, 0, sizeof(stack));
    stack.ss_sp = term_saved.crash_stack;
    stack.ss_size = sizeof(term_saved.crash_stack);
    memset(&action, 0, sizeof(action));
    action.sa_handler = term_on_crash;
    action.sa_flags = (int)SA_RESETHAND | (sigaltstack(&stack, NULL) == 0 ? SA_ONSTACK : 0);
    sigemptyset(&action.sa_mask);
    for (i = 0; i < COUNT_OF(fatal); i++)
        sigaction(fatal[i], &action, NULL);
}

static int term_size(int fd, int *rows, int *cols)
{
    struct winsize size;

    memset(&size, 0, sizeof(size));
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        return -1;
    *rows = size.ws_row;
    *cols = size.ws_col;
    return 0;
}

/* What a TERM that contains the text can show; the first that fits counts. */
static const struct {
    const char *part;
    enum cell_depth depth;
} term_depths[] = {
    {"direct", CELL_TRUE}, {"truecolor", CELL_TRUE}, {"kitty", CELL_TRUE},   {"ghostty", CELL_TRUE},
    {"alacritty", CELL_TRUE}, {"foot", CELL_TRUE},   {"wezterm", CELL_TRUE}, {"256color", CELL_256},
    {"dumb", CELL_MONO},   {"vt100", CELL_MONO},     {"vt220", CELL_MONO},   {"mono", CELL_MONO},
};

static enum cell_depth term_depth(void)
{
    const char *no = getenv("NO_COLOR"), *more = getenv("COLORTERM"), *name = getenv("TERM");
    size_t i;

    if ((no && *no) || !name || !*name || strcmp(name, "dumb") == 0)
        return CELL_MONO;
    if (more && (strcmp(more, "truecolor") == 0 || strcmp(more, "24bit") == 0))
        return CELL_TRUE;
    for (i = 0; i < COUNT_OF(term_depths); i++)
        if (strstr(name, term_depths[i].part))
            return term_depths[i].depth;
    return CELL_16;
}

static int term_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    size_t i;

    for (i = 0; i < COUNT_OF(names); i++) {
        const char *value = getenv(names[i]);
        span set;
        if (!value || !*value)
            continue;
        set = span_of(value);
        span_cut(&set, '.');
        set = span_cut(&set, '@');
        return span_eq_nocase(set, "UTF-8") || span_eq_nocase(set, "utf8");
    }
    return 0;
}

static const char *term_queries(void)
{
    const char *name = getenv("TERM");

    if (!name || !*name || strcmp(name, "dumb") == 0 || strncmp(name, "linux", 5) == 0 ||
        strncmp(name, "vt", 2) == 0)
        return "";
    return TERM_SEQ_QUERIES;
}
