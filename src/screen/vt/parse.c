#include "private.h"

/* vt/parse - the state machine: bytes become text, controls, escape and control sequences, strings.
 * A state consumes bytes as long as it lasts and returns where it stopped. */

/* ---- text ----------------------------------------------------------------------------------- */

/* Prints it, or runs the C1 control c as ESC and c - 0x40. One that begins a string is ignored:
 * U+009C would not end it. */
static void vt_character(struct vt *vt, uint32_t cp)
{
    if (vt_put_odd(vt, cp) || cp < 0x80 || cp == 0x90 || cp == 0x98 || cp >= 0x9d)
        return;
    vt->inter = vt->inter_count = 0;
    vt->final = (unsigned char)(cp - 0x40);
    vt_end_escape(vt);
}

/* Handles one character that isn't ASCII. Keeps an unfinished one at the end for VT_UTF8. */
static const char *vt_put_utf8(struct vt *vt, const char *p, const char *end)
{
    uint32_t cp;
    size_t n = utf8_next((span){p, (size_t)(end - p)}, &cp);
    if (n == 0) {
        vt->utf8_count = (int)(end - p);
        memcpy(vt->utf8, p, (size_t)(end - p));
        vt->state = VT_UTF8;
        return end;
    }
    vt_character(vt, cp);
    return p + n;
}

static const char *vt_utf8(struct vt *vt, const char *p, const char *end)
{
    while (p < end) {
        uint32_t cp;
        size_t n;
        vt->utf8[vt->utf8_count++] = *p;
        n = utf8_next((span){vt->utf8, (size_t)vt->utf8_count}, &cp);
        if (n == 0) {
            p++;
            continue;
        }
        p += n == (size_t)vt->utf8_count; /* a byte that made it malformed is parsed again */
        vt->state = VT_GROUND;
        vt_character(vt, cp);
        break;
    }
    return p;
}

/* ---- sequences ------------------------------------------------------------------------------ */

static const char *vt_escape(struct vt *vt, const char *p, const char *end)
{
    while (p < end && vt->state == VT_ESCAPE) {
        unsigned char c = (unsigned char)*p++;
        if (c < 0x20) {
            vt_control(vt, c);
        } else if (c < 0x30) {
            vt->inter = vt->inter_count ? vt->inter : c;
            vt->inter_count = vt->inter_count ? 2 : 1;
        } else if (c < 0x7f) {
            vt->final = c;
            vt_end_escape(vt);
        }
    }
    return p;
}

static void vt_csi_digit(struct vt *vt, unsigned digit)
{
    unsigned v;
    if (vt->param_last >= VT_PARAMS_MAX)
        return;
    v = vt->params[vt->param_last] * 10u + digit;
    vt->params[vt->param_last] = (uint16_t)(v < 65535 ? v : 65535);
}

static void vt_csi_next_param(struct vt *vt, int sub)
{
    if (vt->param_last < VT_PARAMS_MAX)
        vt->param_last++;
    if (vt->param_last < VT_PARAMS_MAX) {
        vt->params[vt->param_last] = 0;
        vt->subs |= (uint32_t)sub << vt->param_last;
    }
}

/* Handles a byte 0x20…0x3f of a CSI sequence. Digits after an intermediate and a late prefix make
 * it invalid. */
static void vt_csi_byte(struct vt *vt, unsigned char c)
{
    if (c < 0x30) {
        vt->inter = vt->inter_count ? vt->inter : c;
        vt->inter_count = vt->inter_count ? 2 : 1;
    } else if (vt->inter_count || (c >= 0x3c && vt->param_seen)) {
        vt->state = VT_CSI_BAD;
    } else if (c >= 0x3c) {
        vt->prefix = c;
    } else if (c <= '9') {
        vt_csi_digit(vt, c - '0');
    } else {
        vt_csi_next_param(vt, c == ':');
    }
    vt->param_seen = 1;
}

static const char *vt_csi_run(struct vt *vt, const char *p, const char *end)
{
    while (p < end && vt->state == VT_CSI) {
        unsigned char c = (unsigned char)*p++;
        if (c < 0x20) {
            vt_control(vt, c);
        } else if (c < 0x40) {
            vt_csi_byte(vt, c);
        } else if (c < 0x7f) {
            vt->final = c;
            vt_end_csi(vt);
        }
    }
    return p;
}

static const char *vt_csi_bad(struct vt *vt, const char *p, const char *end)
{
    while (p < end && vt->state == VT_CSI_BAD) {
        unsigned char c = (unsigned char)*p++;
        if (c < 0x20)
            vt_control(vt, c);
        else if (c >= 0x40 && c < 0x7f)
            vt->state = VT_GROUND;
    }
    return p;
}

/* ---- strings -------------------------------------------------------------------------------- */

static void vt_string_keep(struct vt *vt, const char *p, size_t n)
{
    size_t room = VT_STRING_MAX - vt->string.n;
    if (vt->string_kind == ']' || vt->string_kind == 'P')
        buf_add(&vt->string, p, n < room ? n : room);
}

static const char *vt_string(struct vt *vt, const char *p, const char *end)
{
    while (p < end && vt->state == VT_STRING) {
        const char *run = p;
        unsigned char c;
        if (vt->string_escape) {
            vt_begin_escape(vt); /* ESC and anything but '\' cancels the string */
            if (*p == '\\') {
                vt->string_bell = 0;
                vt_end_string(vt);
                p++;
            }
            break;
        }
        while (run < end && (unsigned char)*run >= 0x20)
            run++;
        vt_string_keep(vt, p, (size_t)(run - p));
        p = run;
        if (p == end)
            break;
        c = (unsigned char)*p++;
        if (c == 0x1b)
            vt->string_escape = 1;
        else if (c == 0x18 || c == 0x1a)
            vt->state = VT_GROUND;
        else if (c == 0x07 && vt->string_kind == ']') {
            vt->string_bell = 1;
            vt_end_string(vt);
        }
    }
    return p;
}

/* ---- ground, and the table of states -------------------------------------------------------- */

static TELEC_ALIGNED const char *vt_ground(struct vt *vt, const char *p, const char *end)
{
    const char *next = p;
    while (p < end && vt->state == VT_GROUND) {
        unsigned char c = (unsigned char)*p;
        const char *run = p;
        if (c >= 0x20)
            run = vt_put_run(vt, p, end);
        if (run > p) {
            p = run;
        } else if (c == 0x1b && end - p > 1 && p[1] == '[') {
            vt_begin_csi(vt); /* for speed: without VT_ESCAPE */
            p = vt_csi_run(vt, p + 2, end);
        } else if (c >= 0x80) {
            p = vt_put_utf8(vt, p, end);
        } else {
            if (c >= 0x20 && c < 0x7f)
                vt_put_ascii(vt, c);
            else
                vt_control(vt, c);
            p++;
            if (c == '\n' && p >= next)
                p = vt_put_flood(vt, p, end, &next);
        }
    }
    return p;
}

static const char *(*const vt_states[])(struct vt *vt, const char *p, const char *end) = {
    [VT_GROUND] = vt_ground,   [VT_UTF8] = vt_utf8,         [VT_ESCAPE] = vt_escape,
    [VT_CSI] = vt_csi_run,     [VT_CSI_BAD] = vt_csi_bad,   [VT_STRING] = vt_string,
};

static void vt_feed(struct vt *vt, span bytes)
{
    const char *p = bytes.p, *end = bytes.n ? p + bytes.n : p;
    while (p < end)
        p = vt_states[vt->state](vt, p, end);
}
