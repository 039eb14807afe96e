/* vt - the emulator's speed in memory: streams made here, fed as the holder feeds them. In
 * processor time, in turns with its floor: the least that any emulator does with the same bytes.
 *
 * The program itself, with its main renamed: what is measured is what is shipped. */

#define main telec_main
#include "../../teleclaude.c"
#undef main

#define PIECE CONN_READ_MAX /* as much as the holder takes from the pty at once */
#define STREAM (1 << 20)
#define SLICES 9
#define SLICE_NS 60000000.0

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static unsigned dice(unsigned sides)
{
    static unsigned state = 12345;
    state = state * 1103515245u + 12345u;
    return (state >> 16) % sides;
}

static void put_words(buf *b, size_t columns)
{
    size_t end = b->n + columns;
    while (b->n < end) {
        for (unsigned i = 2 + dice(8); i > 0 && b->n < end; i--)
            buf_byte(b, (char)('a' + dice(26)));
        if (b->n < end)
            buf_byte(b, ' ');
    }
}

/* ---- streams -------------------------------------------------------------------------------- */

static void make_dense(buf *b)
{
    put_words(b, 80);
    buf_str(b, "\r\n");
}

/* Like a directory listing in colours. */
static void make_coloured(buf *b)
{
    static const char *const colours[] = {"\033[01;34m", "\033[01;32m", "\033[38;5;208m",
                                          "\033[38;2;90;160;250m"};
    buf_fmt(b, "-rw-r--r-- 1 user user %7u Jan %2u 12:%02u \033[0m%s", dice(9999999), 1 + dice(28),
            dice(60), colours[dice(COUNT_OF(colours))]);
    put_words(b, 6 + dice(14));
    buf_str(b, "\033[0m\r\n");
}

static void make_utf8(buf *b)
{
    static const char *const pieces[] = {"Größe ",      "naïve ",      "Ελληνικά ", "русский ",
                                         "日本語の文 ", "한국어 ",     "café ",     "▲ │ ─ ",
                                         "😀 ",          "plain words "};
    for (int i = 0; i < 8; i++)
        buf_str(b, pieces[dice(COUNT_OF(pieces))]);
    buf_str(b, "\r\n");
}

/* Like an agent at work: a full repaint now and then, a spinner, a scrolled region, a status
 * line. */
static void make_screen(buf *b)
{
    static const char *const spinner[] = {"✳", "✶", "✻", "✽"};
    buf_str(b, "\033[?2026h\033[?25l");
    if (dice(4) == 0) {
        buf_str(b, "\033[H");
        for (int row = 1; row <= 40; row++) {
            buf_fmt(b, "\033[%d;1H\033[38;5;%um│\033[39m ", row, 100 + dice(100));
            put_words(b, 30 + dice(60));
            buf_str(b, "\033[0m\033[K");
        }
    }
    buf_str(b, "\033[1;36r\033[36;1H\n\033[1m•\033[22m ");
    put_words(b, 60);
    buf_fmt(b,
            "\033[r\033[38;1H\033[38;2;215;119;87m%s\033[39m Working… \033[2m(%us · %u "
            "tokens)\033[22m\033[K",
            spinner[dice(4)], dice(100), dice(9999));
    buf_fmt(b, "\033[39;1H╭%s╮\033[40;1H\033[7m %u%% \033[27m\033[J\033[?25h\033[?2026l",
            "────────", dice(100));
}

/* ---- the floor ------------------------------------------------------------------------------ */

#define FLOOR_COLS 120

struct floor {
    struct floor_cell {
        uint32_t rune, fg, bg, attr;
    } row[FLOOR_COLS];
    int x;
};

static const char *floor_utf8(const char *p, const char *end, uint32_t *cp)
{
    unsigned char c = (unsigned char)*p++;
    int left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    *cp = c & (0x3fu >> left);
    for (; left > 0 && p < end && (*p & 0xc0) == 0x80; left--)
        *cp = *cp << 6 | (*p++ & 0x3f);
    return p;
}

/* Splits bytes into runs, decodes UTF-8 and copies printable runs into a row of cells. Sequences
 * and controls have no effect but that a new row begins. */
static void floor_feed(struct floor *f, span bytes)
{
    const char *p = bytes.p, *end = p + bytes.n;
    while (p < end) {
        unsigned char c = (unsigned char)*p;
        const char *run = p, *most = end - p < FLOOR_COLS - f->x ? end : p + FLOOR_COLS - f->x;
        while (run < most && *run >= 0x20)
            run++;
        if (run > p) {
            struct floor_cell *cell = f->row + f->x;
            f->x += (int)(run - p);
            for (; p < run; p++)
                *cell++ = (struct floor_cell){(unsigned char)*p, 0, 0, 0};
        } else if (f->x == FLOOR_COLS) {
            f->x = 0;
        } else if (c >= 0x80) {
            uint32_t rune;
            p = floor_utf8(p, end, &rune);
            f->row[f->x++] = (struct floor_cell){rune, 0, 0, 0};
        } else if (c == 0x1b && end - p > 1 && p[1] == '[') {
            for (p += 2; p < end && (unsigned char)*p < 0x40; p++)
                ;
            p += p < end;
        } else {
            f->x = 0;
            p++;
        }
    }
}

/* ---- measuring ------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void feed_once(struct vt *vt, span stream)
{
    for (size_t at = 0; at < stream.n; at += PIECE) {
        span rest = span_sub(stream, at);
        vt_feed(vt, (span){rest.p, rest.n < PIECE ? rest.n : PIECE});
        vt_drain_signals(vt);
    }
}

/* MB/s of the emulator, or of the floor when there is none. */
static double slice(struct vt *vt, span stream)
{
    static struct floor floor;
    double start = now_ns(), spent = 0, bytes = 0;
    for (; spent < SLICE_NS; spent = now_ns() - start) {
        if (vt)
            feed_once(vt, stream);
        else
            floor_feed(&floor, stream);
        bytes += (double)stream.n;
    }
    return bytes / spent * 1e3;
}

static double median(double speed[SLICES])
{
    qsort(speed, SLICES, sizeof *speed, by_value);
    return speed[SLICES / 2];
}

static void measure(const char *what, void (*make)(buf *b), double target)
{
    double speed[SLICES], least[SLICES];
    buf stream = {0};
    char wanted[16] = "", figure[64], beside[64], ratio[64];
    struct vt *vt = vt_new(120, 40);
    while (stream.n < STREAM)
        make(&stream);
    feed_once(vt, buf_view(&stream));
    for (int i = 0; i < SLICES; i++) {
        speed[i] = slice(vt, buf_view(&stream));
        least[i] = slice(NULL, buf_view(&stream));
    }
    double share = median(speed) / median(least);
    snprintf(figure, sizeof figure, "%.0f MB/s (%.0f-%.0f)", speed[SLICES / 2], speed[0],
             speed[SLICES - 1]);
    snprintf(beside, sizeof beside, "%.0f", least[SLICES / 2]);
    snprintf(ratio, sizeof ratio, "%.2f", share);
    if (target > 0)
        snprintf(wanted, sizeof wanted, ">= %.2f", target);
    printf("%-44s %-30s %-12s %-8s %-9s %s\n", what, figure, beside, ratio, wanted,
           target > 0 ? share >= target ? "ok" : "MISS" : "");
    vt_free(vt);
    buf_free(&stream);
}

int main(void)
{
    measure("emulator, dense ASCII", make_dense, 0.5);
    measure("emulator, coloured listing", make_coloured, 0.35);
    measure("emulator, UTF-8 text", make_utf8, 0.5);
    measure("emulator, full-screen program", make_screen, 0);
    return 0;
}
