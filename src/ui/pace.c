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
#define PACE_SAMPLE 256         /* fewer don't tell a speed: before the first answer went as many */
#define PACE_IDLE_MS 1000       /* what flew before that has landed */
#define PACE_SLOWEST 30         /* bytes a second: 300 baud */
#define PACE_WAIT_MS 20000
#define PACE_FRAME_MS 300
#define PACE_LEAST 250          /* bytes of a frame */
#define PACE_LOSSES 3           /* in a row: the terminal answers none */

static void pace_start(struct pace *p)
{
    *p = (struct pace){.works = 1};
}

static void pace_set_round_trip(struct pace *p, int ms)
{
    p->rtt = ms > 0 ? ms : 1;
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
    if (!p->pending || !p->rtt)
        return 0;
    if (now >= until) {
        p->pending = 0;
        p->flying = 0;
        p->works = ++p->losses < PACE_LOSSES;
        p->rate = p->works ? PACE_SLOWEST : 0;
        return 0;
    }
    size_t most = pace_is_slow(p) ? 0 : p->rate ? PACE_WINDOW : PACE_UNKNOWN;
    return p->flying > most ? until : 0;
}

static int pace_put_question(struct pace *p, long long now, buf *frame)
{
    if (!frame->n || !p->works)
        return 0;
    if (!p->pending && now > p->wrote_at + PACE_IDLE_MS)
        p->flying = 0;
    p->flying += frame->n;
    p->wrote_at = now;
    if (p->pending || (p->flying < PACE_ASK && p->rate && !pace_is_slow(p)))
        return 0;
    p->pending = 1;
    p->asked = p->flying;
    p->asked_at = now;
    p->last = frame->n;
    buf_str(frame, "\033[5n");
    return 1;
}

/* A ms for each byte before it: 1,000 bytes a second. A terminal that never answers holds a quit up
 * for so long only. */
static int pace_answer_ms(const struct pace *p)
{
    return TERM_ANSWERS_MS + (p->asked < PACE_LOST_MS ? (int)p->asked : PACE_LOST_MS);
}

/* Of the bytes before the question those of the last frame alone are sure to have been on their way
 * with it: only so many tell that a line is fast. */
static void pace_on_answer(struct pace *p, long long now)
{
    long long ms = now - p->asked_at, rtt = p->rtt;
    if (!p->pending)
        return;
    p->pending = p->losses = 0;
    p->flying -= p->asked;
    if (!rtt || ms < rtt)
        pace_set_round_trip(p, (int)ms);
    if (!rtt || ms < rtt || p->asked < PACE_SAMPLE)
        return; /* how long the line is, not how fast */
    long long rate = (long long)p->asked * 1000 / (ms - rtt + 1);
    if (rate < PACE_SLOW || p->last >= PACE_SAMPLE)
        p->rate = rate;
}
