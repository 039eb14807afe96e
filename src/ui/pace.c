#include "ui.h"

/* pace - frames as fast as the terminal takes them.
 *
 * Buffers before a modem hold many seconds of its speed. So DSR 5 goes behind a frame: its answer
 * tells that the frame is shown. On a slow line one frame is in flight; what it omits is drawn
 * next, as it is then. */

#define PACE_ASK 4096           /* bytes between questions on a fast line */
#define PACE_WINDOW (64 * 1024) /* bytes in flight there */
#define PACE_UNKNOWN 500        /* while the speed is not known */
#define PACE_SLOW (48 * 1024)   /* bytes a second */
#define PACE_SAMPLE 200         /* fewer don't tell a speed */
#define PACE_SLOWEST 30         /* bytes a second: 300 baud */
#define PACE_WAIT_MS 20000
#define PACE_FRAME_MS 300
#define PACE_LEAST 250          /* bytes of a frame */
#define PACE_LOSSES 3           /* in a row: the terminal answers none */

static void pace_start(struct pace *p, int rtt_ms)
{
    *p = (struct pace){.works = 1, .rtt = rtt_ms};
}

static int pace_is_slow(const struct pace *p)
{
    return p->rate > 0 && p->rate < PACE_SLOW;
}

static size_t pace_limit(const struct pace *p)
{
    size_t most = (size_t)(p->rate * PACE_FRAME_MS / 1000);
    return !pace_is_slow(p) ? 0 : most > PACE_LEAST ? most : PACE_LEAST;
}

static long long pace_blocked_until(struct pace *p, long long now)
{
    size_t wait = p->asked * 1000 / PACE_SLOWEST;
    long long until = p->asked_at + PACE_LOST_MS;
    until += wait < PACE_WAIT_MS ? (long long)wait : PACE_WAIT_MS;
    if (p->pending && now >= until) {
        p->pending = 0;
        p->flying = 0;
        p->works = ++p->losses < PACE_LOSSES;
        p->rate = p->works ? PACE_SLOWEST : 0;
    }
    size_t most = pace_is_slow(p) ? 0 : p->rate ? PACE_WINDOW : PACE_UNKNOWN;
    return p->pending && p->flying > most ? until : 0;
}

static int pace_put_question(struct pace *p, long long now, buf *frame)
{
    if (!frame->n || !p->works)
        return 0;
    p->flying += frame->n;
    if (p->pending || (p->flying < PACE_ASK && p->rate && !pace_is_slow(p)))
        return 0;
    buf_str(frame, "\033[5n");
    p->pending = 1;
    p->asked = p->flying;
    p->asked_at = now;
    return 1;
}

static void pace_on_answer(struct pace *p, long long now)
{
    long long ms = now - p->asked_at;
    if (!p->pending)
        return;
    p->pending = p->losses = 0;
    p->flying -= p->asked;
    p->rtt = ms < p->rtt ? ms : p->rtt;
    if (p->asked >= PACE_SAMPLE)
        p->rate = (long long)p->asked * 1000 / (ms - p->rtt + 1);
}
