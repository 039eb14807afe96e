#include "private.h"

/* vt/osc - titles, OSC and DCS strings, answers to the program. */

/* ---- answers -------------------------------------------------------------------------------- */

static void vt_answer(struct vt *vt, const char *format, int a, int b)
{
    if (vt->answers.n + 64 <= VT_ANSWERS_MAX)
        buf_fmt(&vt->answers, format, a, b);
}

/* DECRQSS: answers the settings that programs ask for. vim reads "invalid" answers as keys. */
static void vt_answer_setting(struct vt *vt, span what)
{
    const struct cell_style plain = {0};
    buf b = {0};
    buf_str(&b, "\033P1$r");
    if (span_eq(what, " q")) {
        buf_fmt(&b, "%d q", vt->shape);
    } else if (span_eq(what, "r")) {
        buf_fmt(&b, "%d;%dr", vt->region_top + 1, vt->region_bottom + 1);
    } else if (span_eq(what, "m")) {
        size_t at = b.n;
        buf_str(&b, "0");
        cell_put_sgr(&b, plain, vt->style, CELL_TRUE); /* ESC [ … m, or nothing */
        if (b.n > at + 1) {
            b.p[at + 1] = ';';
            memmove(b.p + at + 2, b.p + at + 3, b.n - at - 3);
            b.n -= 2;
        }
        buf_byte(&b, 'm');
    } else {
        buf_clear(&b);
        buf_str(&b, "\033P0$r");
    }
    buf_str(&b, "\033\\");
    if (vt->answers.n + b.n <= VT_ANSWERS_MAX)
        buf_span(&vt->answers, buf_view(&b));
    buf_free(&b);
}

static int vt_is_light(const struct vt *vt)
{
    uint32_t c = vt->colours[1];
    return 2 * (c >> 16 & 255) + 5 * (c >> 8 & 255) + (c & 255) > 8 * 127;
}

static void vt_answer_theme(struct vt *vt)
{
    vt_answer(vt, "\033[?997;%dn", vt_is_light(vt) ? 2 : 1, 0);
}

/* OSC 10, 11, 12: answers each "?" with a colour, from `first` on. Colours are not set. */
static void vt_answer_colours(struct vt *vt, span s, int first)
{
    for (int i = first; i < 3 && s.n; i++) {
        uint32_t c = vt->colours[i];
        char answer[64];
        if (!span_eq(span_cut(&s, ';'), "?"))
            continue;
        base_fmt(answer, sizeof answer, "\033]%d;rgb:%02x%02x/%02x%02x/%02x%02x%s", 10 + i,
                 c >> 16 & 255, c >> 16 & 255, c >> 8 & 255, c >> 8 & 255, c & 255, c & 255,
                 vt->string_bell ? "\a" : "\033\\");
        if (vt->answers.n + sizeof answer <= VT_ANSWERS_MAX)
            buf_str(&vt->answers, answer);
    }
}

static void vt_osc_text_colour(struct vt *vt, span s)
{
    vt_answer_colours(vt, s, 0);
}

static void vt_osc_ground(struct vt *vt, span s)
{
    vt_answer_colours(vt, s, 1);
}

static void vt_osc_cursor_colour(struct vt *vt, span s)
{
    vt_answer_colours(vt, s, 2);
}

/* ---- titles --------------------------------------------------------------------------------- */

/* Sets b to s as clean UTF-8 without control characters, cut at `most` bytes. */
static void vt_set_text(buf *b, span s, size_t most)
{
    char text[4];
    buf_clear(b);
    while (s.n) {
        uint32_t cp;
        size_t n = utf8_next(s, &cp);
        s = span_sub(s, n ? n : s.n); /* 0: an unfinished character, U+FFFD */
        n = utf8_encode(cp, text);
        if (b->n + n > most)
            break;
        if (utf8_width(cp) >= 0)
            buf_add(b, text, n);
    }
}

static void vt_osc_title(struct vt *vt, span s)
{
    vt_set_text(&vt->title, s, VT_TITLE_MAX);
    vt->signals |= VT_TITLE_CHANGED;
}

static void vt_title_push(struct vt *vt)
{
    buf oldest = vt->titles[0];
    if (vt->title_count == VT_TITLES_MAX) {
        memmove(vt->titles, vt->titles + 1, sizeof vt->titles - sizeof oldest);
        vt->titles[--vt->title_count] = oldest;
    }
    buf_clear(&vt->titles[vt->title_count]);
    buf_span(&vt->titles[vt->title_count++], buf_view(&vt->title));
}

static void vt_title_pop(struct vt *vt)
{
    if (vt->title_count == 0)
        return;
    buf_clear(&vt->title);
    buf_span(&vt->title, buf_view(&vt->titles[--vt->title_count]));
    vt->signals |= VT_TITLE_CHANGED;
}

/* ---- OSC ------------------------------------------------------------------------------------ */

static int vt_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void vt_osc_directory(struct vt *vt, span s) /* file://host/path */
{
    buf path = {0};
    size_t i = 7;
    if (!span_starts(s, "file://"))
        return;
    while (i < s.n && s.p[i] != '/')
        i++;
    for (; i < s.n; i++) {
        int high = i + 2 < s.n ? vt_hex(s.p[i + 1]) : -1;
        int low = i + 2 < s.n ? vt_hex(s.p[i + 2]) : -1;
        int escaped = s.p[i] == '%' && high >= 0 && low >= 0;
        buf_byte(&path, escaped ? (char)(high << 4 | low) : s.p[i]);
        i += escaped ? 2 : 0;
    }
    vt_set_text(&vt->directory, buf_view(&path), VT_DIRECTORY_MAX);
    vt->signals |= VT_DIRECTORY_CHANGED;
    buf_free(&path);
}

static void vt_notify(struct vt *vt, int osc, span s)
{
    vt_set_text(&vt->notification, s, VT_TITLE_MAX);
    vt->notified_by = osc;
    vt->signals |= VT_NOTIFIED;
}

/* Handles "4;STATE;PERCENT" of ConEmu. */
static void vt_osc_progress(struct vt *vt, span s)
{
    long long state = 0, percent = 0;
    span_cut(&s, ';');
    if (!span_int(span_cut(&s, ';'), &state) || state < 0 || state > 4)
        return;
    span_int(span_cut(&s, ';'), &percent);
    vt->progress = state ? (int)state << 8 | vt_clamp((int)percent, 0, 100) : 0;
}

/* iTerm2: the text. A leading number is ConEmu's: progress, or ignored. */
static void vt_osc_notify(struct vt *vt, span s)
{
    size_t digits = 0;
    if (span_starts(s, "4;"))
        vt_osc_progress(vt, s);
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    if (digits == 0 || (digits < s.n && s.p[digits] != ';'))
        vt_notify(vt, 9, s);
}

/* kitty: metadata;text. Queries and closing are ignored. */
static void vt_osc_notify_kitty(struct vt *vt, span s)
{
    span part, meta = span_cut(&s, ';');
    while (meta.n) {
        part = span_cut(&meta, ':');
        if (span_eq(part, "p=?") || span_eq(part, "p=close") || span_eq(part, "p=alive"))
            return;
    }
    vt_notify(vt, 99, s);
}

static void vt_osc_notify_urxvt(struct vt *vt, span s) /* notify;title;text */
{
    buf text = {0};
    if (!span_eq(span_cut(&s, ';'), "notify"))
        return;
    buf_span(&text, span_cut(&s, ';'));
    if (text.n && s.n)
        buf_str(&text, ": ");
    buf_span(&text, s);
    vt_notify(vt, 777, buf_view(&text));
    buf_free(&text);
}

static void vt_osc_clipboard(struct vt *vt, span s)
{
    buf_clear(&vt->clipboard);
    buf_span(&vt->clipboard, s);
    vt->signals |= VT_CLIPBOARD;
}

static int vt_link_is_plain(span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return 0;
    return 1;
}

/* Addresses that open pages, files or mail, in printable ASCII. */
static int vt_link_is_safe(span uri)
{
    static const char *const schemes[] = {"http://", "https://", "file://", "mailto:"};
    size_t kind = 0;
    while (kind < COUNT_OF(schemes) && !span_starts(uri, schemes[kind]))
        kind++;
    return kind < COUNT_OF(schemes) && uri.n <= VT_LINK_MAX && vt_link_is_plain(uri);
}

static void vt_osc_link(struct vt *vt, span s) /* PARAMETERS;URI */
{
    span params = span_cut(&s, ';'), param;
    buf_clear(&vt->link);
    while (vt_link_is_safe(s) && params.n)
        if (span_starts(param = span_cut(&params, ':'), "id=") && param.n <= VT_LINK_ID_MAX &&
            vt_link_is_plain(param))
            buf_span(&vt->link, param);
    if (vt_link_is_safe(s)) {
        buf_byte(&vt->link, ';');
        buf_span(&vt->link, s);
    }
    vt_set_extra(vt);
}

/* A;… begins a prompt; B, the command, ends it, as do C, its output, and D, its end. */
static void vt_osc_prompt(struct vt *vt, span s)
{
    vt->style.attr &= (uint16_t)~CELL_PROMPT;
    if (s.n && s.p[0] == 'A')
        vt->style.attr |= CELL_PROMPT;
}

static const struct {
    const char *number;
    void (*handle)(struct vt *vt, span s);
} vt_osc[] = {
    {"0", vt_osc_title},    {"8", vt_osc_link},
    {"2", vt_osc_title},          {"7", vt_osc_directory},
    {"9", vt_osc_notify},   {"52", vt_osc_clipboard},     {"99", vt_osc_notify_kitty},
    {"10", vt_osc_text_colour}, {"11", vt_osc_ground},    {"12", vt_osc_cursor_colour},
    {"133", vt_osc_prompt},     {"777", vt_osc_notify_urxvt},
};

static void vt_osc_done(struct vt *vt)
{
    span s = buf_view(&vt->string), number = span_cut(&s, ';');
    for (size_t i = 0; i < COUNT_OF(vt_osc); i++)
        if (span_eq(number, vt_osc[i].number))
            vt_osc[i].handle(vt, s);
}

/* ---- the end of a string -------------------------------------------------------------------- */

static void vt_end_string(struct vt *vt)
{
    vt->state = VT_GROUND;
    if (vt->string_kind == ']')
        vt_osc_done(vt);
    else if (vt->string_kind == 'P' && span_starts(buf_view(&vt->string), "$q"))
        vt_answer_setting(vt, span_sub(buf_view(&vt->string), 2));
    else if (vt->string_kind == 'P' && span_starts(buf_view(&vt->string), "+q"))
        vt_answer(vt, "\033P0+r\033\\", 0, 0); /* XTGETTCAP */
}
