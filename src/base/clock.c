#include "base.h"

/* clock - the two clocks, times as ISO-8601 (RFC 3339), ages. Left out: leap seconds, time zones
 * but UTC and offsets, dates without a time. */

/* ---- clocks, dates -------------------------------------------------------------------------- */

static long long clock_mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long long clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Returns the days since 1970-01-01 of a proleptic Gregorian date. Years begin in March, so that
 * the leap day is a year's last: the days before month m are (153 * m + 2) / 5. */
static long long clock_days(long long year, int month, int day)
{
    year -= month <= 2;
    long long era = (year >= 0 ? year : year - 399) / 400;
    long long of_era = year - era * 400;
    long long of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void clock_put_digits(buf *b, long long v, int width)
{
    char digits[8];
    for (int i = width - 1; i >= 0; i--, v /= 10)
        digits[i] = (char)('0' + v % 10);
    buf_add(b, digits, (size_t)width);
}

static void clock_put_iso(buf *b, long long wall_ms)
{
    long long ms = wall_ms % 86400000, days = wall_ms / 86400000;
    if (ms < 0)
        ms += 86400000, days--;
    long long z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    long long yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    long long doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    long long month = mp < 10 ? mp + 3 : mp - 9;
    const long long field[] = {yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) / 5 + 1,
                               ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000};
    static const char before[] = "\0--T::.";
    for (int i = 0; i < 7; i++) {
        if (before[i])
            buf_byte(b, before[i]);
        clock_put_digits(b, field[i], i == 0 ? 4 : i == 6 ? 3 : 2);
    }
    buf_str(b, "+00:00");
}

static int clock_pair(const char *digits) /* the value of two, or -1 */
{
    unsigned tens = (unsigned)(digits[0] - '0'), ones = (unsigned)(digits[1] - '0');
    return tens > 9 || ones > 9 ? -1 : (int)(tens * 10 + ones);
}

/* Reads "Z", "+02:00", "-0530" or nothing as minutes east of UTC. Returns 0 for anything else. */
static int clock_parse_offset(span s, int *minutes)
{
    *minutes = 0;
    if (s.n < 5)
        return s.n == 0 || (s.n == 1 && (*s.p == 'Z' || *s.p == 'z'));
    int hours = clock_pair(s.p + 1), rest = clock_pair(s.p + s.n - 2);
    *minutes = (*s.p == '-' ? -1 : 1) * (hours * 60 + rest);
    return (*s.p == '-' || *s.p == '+') && hours >= 0 && hours <= 23 && rest >= 0 && rest <= 59 &&
           (s.n == 5 || (s.n == 6 && s.p[3] == ':'));
}

static int clock_parse_iso(span s, long long *wall_ms)
{
    enum { CENTURY, YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, FIELDS };
    static const unsigned char at[FIELDS] = {0, 2, 5, 8, 11, 14, 17};
    int v[FIELDS], fraction = 0, east;
    if (s.n < 19 || s.p[4] != '-' || s.p[7] != '-' || !memchr("Tt ", s.p[10], 3) ||
        s.p[13] != ':' || s.p[16] != ':')
        return 0;
    for (int i = 0; i < FIELDS; i++)
        if ((v[i] = clock_pair(s.p + at[i])) < 0)
            return 0;
    int year = v[CENTURY] * 100 + v[YEAR];
    long long days = clock_days(year, v[MONTH], v[DAY]);
    if (v[MONTH] < 1 || v[MONTH] > 12 || v[DAY] < 1 || v[HOUR] > 23 || v[MINUTE] > 59 ||
        v[SECOND] > 60 ||
        (v[DAY] > 28 && /* no month is shorter */
         days >= clock_days(year + v[MONTH] / 12, v[MONTH] % 12 + 1, 1)))
        return 0;
    s = span_sub(s, 19);
    if (s.n && (*s.p == '.' || *s.p == ',')) {
        int digits = 0;
        for (int unit = 100; s = span_sub(s, 1), s.n && *s.p >= '0' && *s.p <= '9'; unit /= 10)
            fraction += (*s.p - '0') * unit, digits++;
        if (!digits)
            return 0;
    }
    if (!clock_parse_offset(s, &east))
        return 0;
    long long seconds = days * 86400 + v[HOUR] * 3600LL + v[MINUTE] * 60 + v[SECOND];
    *wall_ms = (seconds - east * 60LL) * 1000 + fraction;
    return 1;
}

static void clock_put_age(buf *b, long long ms)
{
    long long minutes = ms / 60000;
    if (minutes < 1) {
        buf_str(b, "now");
        return;
    }
    static const struct { long long minutes; char letter; } units[] = {
        {525600, 'y'}, {1440, 'd'}, {60, 'h'}, {1, 'm'}};
    size_t i = 0;
    while (minutes < units[i].minutes)
        i++;
    buf_int(b, minutes / units[i].minutes);
    buf_byte(b, units[i].letter);
}

