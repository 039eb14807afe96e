#include "ui.h"

/* term - the user's terminal: raw mode and the input decoder.
 *
 * The decoder reads what xterm and its relatives, kitty, rxvt and the Linux console send. Left out:
 * terminfo. */

/* Sequences that enter and leave the UI's screen. Leaving also resets what an attached session may
 * have set: mouse modes, scroll region, charset, wrap. On a terminal without an alternate screen it
 * leaves the cursor on an empty last line. */
#define TERM_SEQ_ENTER "\33[?1049h\33[?1l\33>\33[?2004h\33[?1004h"
#define TERM_SEQ_MOUSE "\33[?1000h\33[?1002h\33[?1006h"
#define TERM_SEQ_LEAVE                                                                             \
    "\33[?2031l\33[?2026l\33[?1006l\33[?1003l\33[?1002l\33[?1000l\33[?1004l\33[?2004l\33[?1l"      \
    "\33>\33[?6l\33[4l\33[r\33(B\17\33[m\33[?7h\33[?25h\33[999H\33[K\33[?1049l"
#define TERM_SEQ_TITLE_PUSH "\33[22;2t"
#define TERM_SEQ_TITLE_POP "\33[23;2t"
#define TERM_SEQ_COLOURS "\33]10;?\33\\\33]11;?\33\\\33]12;?\33\\"
/* Two characters that have one column everywhere, and one of East Asian ambiguous width: 3 columns
 * of UTF-8, or 4; as single bytes 5 at least. */
#define TERM_SEQ_WIDTHS "\33[2H\303\261\303\261\342\224\200\33[6n\r\33[K"
/* DA1 is the last one; mode 2031 tells of a new theme. */
#define TERM_SEQ_QUERIES "\33[?2026$p" TERM_SEQ_COLOURS "\33[?2031h\33[?u\33[c"
#define TERM_SEQ_PASTE_START "\33[200~"
#define TERM_SEQ_PASTE_END "\33[201~"

#define TERM_PASTE_MARK 6     /* bytes of the start and end marks */
#define TERM_STRING_MAX 256   /* bytes of an OSC or DCS reply */
#define TERM_PARAMS_MAX 8     /* of a key's or mouse's sequence; the rest is ignored */
#define TERM_VALUE_MAX 0x1fffff
#define TERM_UNDO_MAX 256     /* bytes that term_leave writes for an attached session */

enum { TERM_ESC = 0x1b };

/* ---- input ----------------------------------------------------------------------------------- */

enum term_drop { TERM_DROP_NONE, TERM_DROP_STRING, TERM_DROP_CSI };

/* A parsed sequence ESC [ or ESC O. sub holds the first ':' value of each parameter. */
struct term_csi {
    unsigned char prefix, intermediate, final;
    int count;
    uint32_t p[TERM_PARAMS_MAX], sub[TERM_PARAMS_MAX];
    size_t n; /* bytes of it, or bytes parsed before an error */
};

struct term_key_code {
    uint32_t code, key;
};

/* Keys by the final byte of CSI and SS3. */
static const struct term_key_code term_letter_keys[] = {
    {'A', TERM_UP}, {'B', TERM_DOWN}, {'C', TERM_RIGHT}, {'D', TERM_LEFT}, {'H', TERM_HOME},
    {'F', TERM_END}, {'P', TERM_F1}, {'Q', TERM_F2}, {'R', TERM_F3}, {'S', TERM_F4},
};
/* Keys by the number before '~' (rxvt: also before '$', '^' and '@'). */
static const struct term_key_code term_tilde_keys[] = {
    {1, TERM_HOME}, {2, TERM_INSERT}, {3, TERM_DELETE}, {4, TERM_END},  {5, TERM_PGUP},
    {6, TERM_PGDN}, {7, TERM_HOME},   {8, TERM_END},    {11, TERM_F1},  {12, TERM_F2},
    {13, TERM_F3},  {14, TERM_F4},    {15, TERM_F5},    {17, TERM_F6},  {18, TERM_F7},
    {19, TERM_F8},  {20, TERM_F9},    {21, TERM_F10},   {23, TERM_F11}, {24, TERM_F12},
};
/* Arrows of rxvt: with Shift as CSI, with Ctrl as SS3. */
static const struct term_key_code term_rxvt_arrows[] = {
    {'a', TERM_UP}, {'b', TERM_DOWN}, {'c', TERM_RIGHT}, {'d', TERM_LEFT},
};
/* Keypad keys in application mode, by the final byte of SS3. */
static const struct term_key_code term_keypad_keys[] = {
    {'M', '\r'}, {'I', '\t'}, {' ', ' '}, {'X', '='}, {'j', '*'}, {'k', '+'}, {'l', ','},
    {'m', '-'},  {'n', '.'},  {'o', '/'}, {'p', '0'}, {'q', '1'}, {'r', '2'}, {'s', '3'},
    {'t', '4'},  {'u', '5'},  {'v', '6'}, {'w', '7'}, {'x', '8'}, {'y', '9'},
};
/* Private code points of the kitty protocol. */
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
    for (size_t i = 0; i < n; i++)
        if (table[i].code == code)
            return table[i].key;
    return 0;
}

/* Returns the modifiers of a parameter: 1 + shift + 2 alt + 4 ctrl; higher bits are ignored. */
static unsigned term_mods(uint32_t param)
{
    return param ? (param - 1) & (TERM_SHIFT | TERM_ALT | TERM_CTRL) : 0;
}

/* Sets a key event. Key 0 leaves the event TERM_UNKNOWN. */
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

/* Sets a key event from a character and its modifiers (CSI u, modifyOtherKeys) as the plain byte
 * would: Shift-a is 'A'; Ctrl-Shift-A is 'a' with both. */
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

/* Sets a mouse event. code is xterm's: 0-2 a button, 3 none, 4 shift, 8 alt, 16 ctrl, 32 motion, 64
 * wheel. x and y count from 1. */
static void term_set_mouse(struct term_event *ev, uint32_t code, uint32_t x, uint32_t y,
                           int release)
{
    uint32_t button = code & 3;
    ev->type = TERM_MOUSE;
    ev->code = code;
    ev->mods =
        (code & 4 ? TERM_SHIFT : 0u) | (code & 8 ? TERM_ALT : 0u) | (code & 16 ? TERM_CTRL : 0u);
    ev->row = y ? (int)y - 1 : 0;
    ev->col = x ? (int)x - 1 : 0;
    if (code > 127 || (code & 64 && button > 1))
        ev->mouse = TERM_OTHER;
    else if (code & 64)
        ev->mouse = button ? TERM_WHEEL_DOWN : TERM_WHEEL_UP;
    else if (code & 32)
        ev->mouse = button == 3 ? TERM_MOVE : TERM_DRAG;
    else
        ev->mouse = release || button == 3 ? TERM_RELEASE : TERM_PRESS;
    ev->button = button == 3 || code & 64 ? 0 : (int)button;
}

/* The handlers of CSI sequences. Each sets the event or leaves it TERM_UNKNOWN. */

/* kitty: sub[1] 3 is the release of a key, which is no key event. */
static void term_set_release(const struct term_csi *c, struct term_event *ev)
{
    if (c->sub[1] != 3 || ev->type != TERM_KEY)
        return;
    ev->type = TERM_UNKNOWN;
    ev->released = 1;
}

static void term_csi_letter(const struct term_csi *c, struct term_event *ev)
{
    if (c->final == 'R' && (c->count != 2 || c->p[0] != 1 || c->p[1] < 2 || c->p[1] > 16)) {
        ev->type = c->count == 2 ? TERM_POSITION : TERM_UNKNOWN; /* not F3 */
        ev->row = (int)c->p[0] - 1;
        ev->col = (int)c->p[1] - 1;
        return;
    }
    term_set_key(ev, term_find_key(term_letter_keys, COUNT_OF(term_letter_keys), c->final),
                 term_mods(c->p[1]));
    term_set_release(c, ev);
}

static void term_csi_rxvt_arrow(const struct term_csi *c, struct term_event *ev)
{
    term_set_key(ev, term_find_key(term_rxvt_arrows, COUNT_OF(term_rxvt_arrows), c->final),
                 TERM_SHIFT);
}

static void term_csi_tilde(const struct term_csi *c, struct term_event *ev)
{
    ev->extended = c->p[0] == 27 && c->count == 3;
    if (ev->extended)
        term_set_char(ev, c->p[2], term_mods(c->p[1]));
    else
        term_set_key(ev, term_find_key(term_tilde_keys, COUNT_OF(term_tilde_keys), c->p[0]),
                     term_mods(c->p[1]));
    term_set_release(c, ev);
}

static void term_csi_rxvt_tilde(const struct term_csi *c, struct term_event *ev)
{
    unsigned mods = (c->final != '^' ? TERM_SHIFT : 0u) | (c->final != '$' ? TERM_CTRL : 0u);
    term_set_key(ev, term_find_key(term_tilde_keys, COUNT_OF(term_tilde_keys), c->p[0]), mods);
}

/* sub[0] is what the key gives with Shift, where the terminal tells it. */
static void term_csi_unicode(const struct term_csi *c, struct term_event *ev)
{
    unsigned mods = term_mods(c->p[1]);
    int shifted = mods & TERM_SHIFT && !(mods & TERM_CTRL) && c->sub[0];
    ev->extended = 1;
    term_set_char(ev, shifted ? c->sub[0] : c->p[0], mods);
    term_set_release(c, ev);
}

static void term_csi_keyboard(const struct term_csi *c, struct term_event *ev)
{
    if (c->count == 1)
        ev->type = TERM_KEYBOARD;
}

static void term_csi_theme(const struct term_csi *c, struct term_event *ev)
{
    if (c->p[0] == 997)
        ev->type = TERM_THEME;
}

static void term_csi_status(const struct term_csi *c, struct term_event *ev)
{
    if (c->count == 1 && c->p[0] == 0)
        ev->type = TERM_STATUS;
}

static void term_csi_answered(const struct term_csi *c, struct term_event *ev)
{
    (void)c;
    ev->type = TERM_ANSWERED;
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
    {'?', 0, "u", term_csi_keyboard},
    {'?', 0, "c", term_csi_answered},
    {'?', 0, "n", term_csi_theme},
    {0, 0, "n", term_csi_status},
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

/* Parses a sequence from in.p[2] on. BAD: c->n bytes are no sequence, or are too many. */
static enum parse term_parse_csi(span in, struct term_csi *c)
{
    int at = 0, colons = 0;
    memset(c, 0, sizeof *c);
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

/* Returns the index of a paste's end mark at or after `from`, or in.n. */
static size_t term_find_paste_end(span in, size_t from)
{
    for (; from + TERM_PASTE_MARK <= in.n; from++)
        if (in.p[from] == TERM_ESC && span_starts(span_sub(in, from), TERM_SEQ_PASTE_END))
            return from;
    return in.n;
}

/* Returns the bytes at the end of a piece that may go with what follows: the start of the end mark,
 * of a character, of a line's end. */
static size_t term_paste_held(span in)
{
    uint32_t cp;
    for (size_t n = in.n < TERM_PASTE_MARK ? in.n : TERM_PASTE_MARK - 1; n; n--)
        if (memcmp(in.p + in.n - n, TERM_SEQ_PASTE_END, n) == 0)
            return n;
    for (size_t n = 1; n < 4 && n <= in.n; n++)
        if ((in.p[in.n - n] & 0xc0) != 0x80)
            return utf8_next(span_sub(in, in.n - n), &cp) == 0 ? n : in.p[in.n - 1] == '\r';
    return 0;
}

/* Decodes a piece of a paste. With flush the paste ends here. */
static enum parse term_decode_paste(struct term_input *st, span in, int flush, size_t *used,
                                    struct term_event *ev)
{
    size_t n = term_find_paste_end(in, 0), mark = n < in.n ? TERM_PASTE_MARK : 0;
    ev->last = mark || flush;
    if (!ev->last)
        n -= term_paste_held(in);
    if (!n && !ev->last)
        return PARSE_MORE;
    st->pasting = !ev->last;
    ev->type = TERM_PASTE;
    ev->text = (span){in.p ? in.p : "", n};
    *used = n + mark;
    return PARSE_DONE;
}

/* Decodes ESC [ M and three bytes, each of them 32 plus a value. */
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

/* Decodes the Linux console's F1 to F5: ESC [ [ A to E. */
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
    ev->stray = c.n == TERM_PASTE_MARK && span_starts(in, TERM_SEQ_PASTE_END);
    if (c.n == TERM_PASTE_MARK && span_starts(in, TERM_SEQ_PASTE_START)) {
        st->pasting = ev->first = 1;
        ev->type = TERM_PASTE;
        ev->text = (span){in.p + c.n, 0};
        return PARSE_DONE;
    }
    for (size_t i = 0; i < COUNT_OF(term_csi_table); i++)
        if (c.prefix == term_csi_table[i].prefix &&
            c.intermediate == term_csi_table[i].intermediate &&
            strchr(term_csi_table[i].finals, c.final)) {
            term_csi_table[i].set(&c, ev);
            break;
        }
    return PARSE_DONE;
}

/* Decodes ESC O: a function or keypad key, else Alt-O and the bytes after it. */
static enum parse term_decode_ss3(span in, int flush, size_t *used, struct term_event *ev)
{
    struct term_csi c;
    enum parse answer;
    unsigned mods;
    if (in.n > 2 && in.p[2] == ' ') { /* the keypad's space, an intermediate byte in CSI */
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

/* Consumes 1 to 4 hexadecimal digits of *s and scales them to 0…255; returns -1 when there is
 * none. */
static int term_parse_colour_part(span *s)
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

/* Sets a colour from the body of an OSC: "11;rgb:R/G/B" with 1 to 4 digits each, or "rgba:" with a
 * fourth part. */
static void term_set_colour(struct term_event *ev, span body)
{
    uint32_t colour = 0;
    long long osc;
    int i;
    if (!span_int(span_cut(&body, ';'), &osc) || osc < 10 || osc > 12)
        return;
    if (span_starts(body, "rgb:"))
        body = span_sub(body, 4);
    else if (span_starts(body, "rgba:"))
        body = span_sub(body, 5);
    else
        return;
    for (i = 0; i < 3; i++) {
        int part = term_parse_colour_part(&body);
        if (part < 0 || (i < 2 && (body.n == 0 || body.p[0] != '/')))
            return;
        if (i < 2)
            body = span_sub(body, 1);
        colour = colour << 8 | (uint32_t)part;
    }
    ev->type = TERM_COLOUR;
    ev->mode = (int)osc;
    ev->colour = colour;
}

/* Tells a reply string (OSC, DCS, APC: DONE) from a key with Alt (BAD). MORE: not decidable yet. */
static enum parse term_is_string(span in)
{
    static const struct {
        char kind;
        const char *first; /* possible first bytes of the reply */
    } kinds[] = {{']', "0123456789lL"}, {'P', "0123456789>!"}, {'_', "G"}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
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
        if (c == TERM_ESC && in.p[i + 1] != '\\') { /* interrupted by another sequence */
            *used = i;
            return PARSE_DONE;
        }
        if (c == '\a' || c == TERM_ESC || c == 0x18 || c == 0x1a) {
            *used = c == TERM_ESC ? i + 2 : i + 1;
            if (in.p[1] == ']' && c != 0x18 && c != 0x1a)
                term_set_colour(ev, (span){in.p + 2, i - 2});
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

/* Decodes ESC ESC: rxvt's Alt before a key's sequence, else the Escape key. */
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
    memset(ev, 0, sizeof *ev);
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

/* Returns the bytes of `in` that belong to the string being dropped; ends st->dropping at its
 * end. */
static size_t term_drop_string(struct term_input *st, span in, int flush)
{
    for (size_t i = 0; i < in.n; i++) {
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

static enum parse term_decode(struct term_input *st, span in, int flush, size_t *used,
                              struct term_event *ev)
{
    enum parse answer = PARSE_MORE;
    size_t skipped = 0;
    if (st->dropping == TERM_DROP_STRING)
        skipped = term_drop_string(st, in, flush);
    else if (st->dropping == TERM_DROP_CSI)
        skipped = term_drop_csi(st, in, flush);
    in = span_sub(in, skipped);
    memset(ev, 0, sizeof *ev);
    ev->type = TERM_UNKNOWN;
    if (st->pasting)
        answer = term_decode_paste(st, in, flush, used, ev);
    else if (!st->dropping && in.n)
        answer = term_decode_event(st, in, flush, used, ev);
    if (answer == PARSE_MORE)
        *used = 0;
    if (!ev->text.p)
        ev->text = (span){in.p, *used};
    *used += skipped;
    return answer;
}

/* ---- the terminal ---------------------------------------------------------------------------- */

/* The saved terminal modes, and the stack for a handler of a stack overflow. */
static struct {
    volatile sig_atomic_t active, entered, titled;
    long long answers_until; /* monotonic clock, ms; 0: none is pending */
    char answers_last;       /* see term_expect_answers */
    int fd;
    struct termios modes;
    long crash_stack[32 * 1024 / sizeof(long)];
    volatile sig_atomic_t undo_n;
    char undo[TERM_UNDO_MAX];
} term_saved;

/* Writes all bytes, also to a non-blocking descriptor; gives up after a second without progress. */
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

/* Follows ESC [ ? … c, DA1's answer, or ESC [ … n: the next step after byte c; 4: complete. */
static int term_follow_answer(int step, char c)
{
    if (c == TERM_ESC)
        return 1;
    if (step == 3)
        return c == term_saved.answers_last ? 4 : c == ';' || (c >= '0' && c <= '9') ? 3 : 0;
    if (step == 1 && c == '[')
        return term_saved.answers_last == 'n' ? 3 : 2;
    return step == 2 && c == '?' ? 3 : 0;
}

/* Reads the answers to our queries, which the shell would take for keys. */
static void term_drain_answers(void)
{
    int step = 0;
    char c;
    while (step != 4 && term_saved.answers_until > clock_mono_ms()) {
        struct pollfd ready = {term_saved.fd, POLLIN, 0};
        if (poll(&ready, 1, (int)(term_saved.answers_until - clock_mono_ms())) <= 0 ||
            read(term_saved.fd, &c, 1) != 1)
            break;
        step = term_follow_answer(step, c);
    }
    term_saved.answers_until = 0;
}

static void term_expect_answers(char last, long long until)
{
    if (!until && last != term_saved.answers_last)
        return;
    term_saved.answers_last = last;
    term_saved.answers_until = until;
}

/* Calls tcsetattr with SIGTTOU blocked, which would stop a background process. */
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
    if (term_saved.entered) {
        term_write_all(term_saved.fd, term_saved.undo, (size_t)term_saved.undo_n);
        term_write_all(term_saved.fd, TERM_SEQ_LEAVE, sizeof TERM_SEQ_LEAVE - 1);
        if (term_saved.titled)
            term_write_all(term_saved.fd, TERM_SEQ_TITLE_POP, sizeof TERM_SEQ_TITLE_POP - 1);
        term_drain_answers();
    }
    term_saved.entered = term_saved.undo_n = 0;
    term_set_modes(term_saved.fd, &term_saved.modes);
    errno = saved_errno;
}

static void term_set_undo(span undo)
{
    term_saved.undo_n = 0; /* a signal may come between */
    if (undo.n > TERM_UNDO_MAX)
        return;
    if (undo.n)
        memcpy(term_saved.undo, undo.p, undo.n);
    term_saved.undo_n = (sig_atomic_t)undo.n;
}

static void term_entered(void)
{
    term_saved.entered = 1;
}

static int term_enter(int fd, int mouse, int title, buf *b)
{
    struct termios raw;
    term_leave();
    if (tcgetattr(fd, &term_saved.modes) < 0)
        return -1;
    raw = term_saved.modes;
    raw.c_iflag &=
        ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | INPCK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag &= ~(tcflag_t)OPOST;
    raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    term_saved.fd = fd;
    term_saved.titled = title;
    term_saved.active = 1; /* before the change: a signal may come at once */
    if (term_set_modes(fd, &raw) < 0) {
        term_saved.active = 0;
        return -1;
    }
    buf_str(b, title ? TERM_SEQ_TITLE_PUSH TERM_SEQ_ENTER : TERM_SEQ_ENTER);
    if (mouse)
        buf_str(b, TERM_SEQ_MOUSE);
    return 0;
}

/* SA_RESETHAND has restored the default action, so the raised signal ends the program. */
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
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = term_saved.crash_stack;
    stack.ss_size = sizeof term_saved.crash_stack;
    memset(&action, 0, sizeof action);
    action.sa_handler = term_on_crash;
    action.sa_flags = (int)SA_RESETHAND | (sigaltstack(&stack, NULL) == 0 ? SA_ONSTACK : 0);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < COUNT_OF(fatal); i++)
        sigaction(fatal[i], &action, NULL);
}

static int term_size(int fd, int *rows, int *cols)
{
    struct winsize size;
    memset(&size, 0, sizeof size);
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        return -1;
    *rows = size.ws_row;
    *cols = size.ws_col;
    return 0;
}

/* The colours of a TERM that contains the text; the first match counts. */
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
    if ((no && *no) || !name || !*name || strcmp(name, "dumb") == 0)
        return CELL_MONO;
    if (strncmp(name, "rxvt", 4) == 0 || getenv("STY") ||
        (strncmp(name, "screen", 6) == 0 && !getenv("TMUX")))
        return span_find(span_of(name), "256color") ? CELL_PLAIN : CELL_16;
    if (more && (strcmp(more, "truecolor") == 0 || strcmp(more, "24bit") == 0))
        return CELL_TRUE;
    for (size_t i = 0; i < COUNT_OF(term_depths); i++)
        if (span_find(span_of(name), term_depths[i].part))
            return term_depths[i].depth;
    return CELL_16;
}

static int term_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
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

static const char *term_width_query(void)
{
    return *term_queries() ? TERM_SEQ_WIDTHS : "";
}

static const char *term_colour_queries(void)
{
    return TERM_SEQ_COLOURS;
}
