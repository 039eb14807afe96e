#include "ui.h"

/* keyboard - keys as a session's program wants them.
 *
 * The terminal may have another keyboard mode than the program: telec asks for modes that tell
 * Shift-Enter from Enter. Three forms: legacy, as xterm sends it; xterm's modifyOtherKeys; kitty's
 * protocol, whose flags 1 (disambiguate), 8 (all keys) and 16 (text) are followed. */

enum { KEYBOARD_UNAMBIGUOUS = 1, KEYBOARD_EVENTS = 2, KEYBOARD_ALL = 8, KEYBOARD_TEXT = 16 };

/* kitty and foot of some versions send Enter, Tab and Backspace again when they are let go, if they
 * are asked for releases and not for all keys: a program would see each of them twice. */
static int keyboard_ask(int kitty)
{
    return kitty & KEYBOARD_ALL ? kitty : kitty & ~KEYBOARD_EVENTS;
}

/* Keys that are not characters: CSI number final. */
static const struct {
    uint32_t key;
    unsigned char number;
    char final;
} keyboard_keys[] = {
    {TERM_UP, 1, 'A'},      {TERM_DOWN, 1, 'B'},    {TERM_RIGHT, 1, 'C'}, {TERM_LEFT, 1, 'D'},
    {TERM_HOME, 1, 'H'},    {TERM_END, 1, 'F'},     {TERM_PGUP, 5, '~'},  {TERM_PGDN, 6, '~'},
    {TERM_INSERT, 2, '~'},  {TERM_DELETE, 3, '~'},  {TERM_F1, 1, 'P'},    {TERM_F2, 1, 'Q'},
    {TERM_F3, 1, 'R'},      {TERM_F4, 1, 'S'},      {TERM_F5, 15, '~'},   {TERM_F6, 17, '~'},
    {TERM_F7, 18, '~'},     {TERM_F8, 19, '~'},     {TERM_F9, 20, '~'},   {TERM_F10, 21, '~'},
    {TERM_F11, 23, '~'},    {TERM_F12, 24, '~'},
};

static void keyboard_put_function(buf *b, uint32_t key, unsigned mods, const struct keyboard *k)
{
    size_t i = 0;
    while (i < COUNT_OF(keyboard_keys) - 1 && keyboard_keys[i].key != key)
        i++;
    int number = keyboard_keys[i].number, is_f = key >= TERM_F1;
    char final = keyboard_keys[i].final;
    if (key == TERM_F3 && k->kitty) /* CSI R is a cursor position */
        number = 13, final = '~';
    if (mods)
        buf_fmt(b, "\033[%d;%d%c", number, 1 + (int)mods, final);
    else if (final == '~')
        buf_fmt(b, "\033[%d~", number);
    else
        buf_fmt(b, "\033%c%c", !k->kitty && (is_f || k->application) ? 'O' : '[', final);
}

/* Returns the control byte of Ctrl and a key, or -1. */
static int keyboard_control(uint32_t key)
{
    static const char others[] = "2\0003\0334\0345\0356\0367\0378\177/\037?\177";
    if (key >= 'a' && key <= 'z')
        return (int)key & 0x1f;
    if (key == ' ' || key == '@')
        return 0;
    if (key >= '[' && key <= '_')
        return (int)key & 0x1f;
    for (size_t i = 0; i + 1 < sizeof others; i += 2)
        if ((uint32_t)others[i] == key)
            return others[i + 1];
    return -1;
}

/* Tells whether the legacy form loses a modifier of the key. */
static int keyboard_is_lossy(uint32_t key, unsigned mods)
{
    if (key == '\t' && mods == TERM_SHIFT)
        return 0;
    if (key < ' ' || key == 0x7f)
        return (mods & (TERM_SHIFT | TERM_CTRL)) != 0;
    return mods & TERM_CTRL && (keyboard_control(key) < 0 || mods & TERM_SHIFT);
}

static void keyboard_put_legacy(buf *b, uint32_t key, unsigned mods, const struct keyboard *k)
{
    char text[4];
    int control = mods & TERM_CTRL ? keyboard_control(key) : -1;
    if (key == '\r' && mods & (TERM_SHIFT | TERM_CTRL) && k->newline) {
        buf_str(b, k->newline);
        return;
    }
    if (mods & TERM_ALT)
        buf_byte(b, '\033');
    if (key == '\t' && mods & TERM_SHIFT)
        buf_str(b, "\033[Z");
    else if (key == 0x7f && mods & TERM_CTRL)
        buf_byte(b, '\b');
    else if (control >= 0)
        buf_byte(b, (char)control);
    else
        buf_add(b, text, utf8_encode(key, text));
}

/* CSI u. The key is the one without Shift. */
static void keyboard_put_unicode(buf *b, uint32_t key, unsigned mods, int with_text)
{
    int has_text = with_text && key >= ' ' && key != 0x7f && !(mods & ~(unsigned)TERM_SHIFT);
    uint32_t text = key;
    if (key >= 'A' && key <= 'Z') {
        key += 'a' - 'A';
        mods |= TERM_SHIFT;
    }
    buf_fmt(b, "\033[%u", (unsigned)key);
    if (mods)
        buf_fmt(b, ";%d", 1 + (int)mods);
    if (has_text)
        buf_fmt(b, "%s;%u", mods ? "" : ";", (unsigned)text);
    buf_byte(b, 'u');
}

static void keyboard_put_kitty(buf *b, uint32_t key, unsigned mods, const struct keyboard *k)
{
    int named = key == '\r' || key == '\t' || key == 0x7f;
    int plain = named ? !mods : key != 0x1b && !(mods & (TERM_ALT | TERM_CTRL));
    if (plain && !(k->kitty & KEYBOARD_ALL))
        keyboard_put_legacy(b, key, mods, k);
    else if (k->kitty & (KEYBOARD_UNAMBIGUOUS | KEYBOARD_ALL))
        keyboard_put_unicode(b, key, mods, k->kitty & KEYBOARD_TEXT);
    else
        keyboard_put_legacy(b, key, mods, k);
}

static void keyboard_put_key(buf *b, uint32_t key, unsigned mods, const struct keyboard *k)
{
    if (key >= TERM_UP)
        keyboard_put_function(b, key, mods, k);
    else if (k->kitty)
        keyboard_put_kitty(b, key, mods, k);
    else if (mods && (k->other_keys > 1 || (k->other_keys && keyboard_is_lossy(key, mods))))
        buf_fmt(b, "\033[27;%d;%u~", 1 + (int)mods, (unsigned)key);
    else
        keyboard_put_legacy(b, key, mods, k);
}
