/* Unit tests of clock: dates, ISO-8601, ages. */

static void unit_clock_iso_is(long long ms, const char *want)
{
    buf b = {0};
    long long back = 1;
    clock_put_iso(&b, ms);
    CHECK_SPAN(buf_view(&b), want);
    CHECK_INT(clock_parse_iso(buf_view(&b), &back), 1);
    CHECK_INT(back, ms);
    buf_free(&b);
}

static int unit_clock_is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Every day from 1600 to 2400, counted by hand. */
static void unit_clock_calendar(void)
{
    test_begin("every day from 1600 to 2400 has its date");
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    long long day = -135140; /* 1600-01-01 */
    buf b = {0};
    char want[64];
    for (int year = 1600; year < 2400; year++)
        for (int month = 1; month <= 12; month++)
            for (int d = 1; d <= lengths[month - 1] + (month == 2 && unit_clock_is_leap(year));
                 d++, day++) {
                long long ms = day * 86400000LL + (day * 7919 % 86400000 + 86400000) % 86400000,
                          back = 0;
                long long in_day = ms - day * 86400000LL;
                snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.%03d+00:00", year, month,
                         d, (int)(in_day / 3600000), (int)(in_day / 60000 % 60),
                         (int)(in_day / 1000 % 60), (int)(in_day % 1000));
                buf_clear(&b);
                clock_put_iso(&b, ms);
                if (!span_eq(buf_view(&b), want))
                    CHECK_SPAN(buf_view(&b), want);
                if (!clock_parse_iso(buf_view(&b), &back) || back != ms)
                    CHECK_INT(back, ms);
            }
    CHECK_INT(day, 157054); /* 2400-01-01 */
    buf_free(&b);
}

static void unit_clock_iso(void)
{
    test_begin("times are written and read as ISO-8601");
    unit_clock_iso_is(0, "1970-01-01T00:00:00.000+00:00");
    unit_clock_iso_is(-1, "1969-12-31T23:59:59.999+00:00");
    unit_clock_iso_is(951782399999LL, "2000-02-28T23:59:59.999+00:00");
    unit_clock_iso_is(951782400000LL, "2000-02-29T00:00:00.000+00:00");
    unit_clock_iso_is(951868800000LL, "2000-03-01T00:00:00.000+00:00");
    unit_clock_iso_is(1769903999123LL, "2026-01-31T23:59:59.123+00:00");
    unit_clock_iso_is(4107542400000LL, "2100-03-01T00:00:00.000+00:00");
    static const struct {
        const char *text;
        long long ms;
    } same[] = {
        {"2026-01-31T23:59:59.123+00:00", 1769903999123LL},
        {"2026-01-31T23:59:59.123Z", 1769903999123LL},
        {"2026-01-31t23:59:59.123z", 1769903999123LL},
        {"2026-01-31 23:59:59,123", 1769903999123LL},
        {"2026-01-31T23:59:59", 1769903999000LL},
        {"2026-01-31T23:59:59.1Z", 1769903999100LL},
        {"2026-01-31T23:59:59.123456Z", 1769903999123LL},
        {"2026-02-01T01:29:59.123+01:30", 1769903999123LL},
        {"2026-01-31T15:59:59.123-0800", 1769903999123LL},
        {"2026-01-31T23:59:59.000000001+00:00", 1769903999000LL},
        {"2024-02-29T00:00:00Z", 1709164800000LL},
    };
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        long long ms = -7;
        size_t n = strlen(same[i].text);
        char *guarded = guard_copy(span_of(same[i].text));
        CHECK_INT(clock_parse_iso((span){guarded, n}, &ms), 1);
        CHECK_INT(ms, same[i].ms);
        guard_free(guarded, n);
    }
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T23:59",
        "2026-1-31T23:59:59",
        "2026-13-01T00:00:00",
        "2026-00-01T00:00:00",
        "2026-01-00T00:00:00",
        "2026-01-32T00:00:00",
        "2026-01-01T24:00:00",
        "2026-01-01T00:60:00",
        "2026-01-01T00:00:61",
        "2026-01-01T00:00:00.",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+",
        "2026-01-01T00:00:00+1",
        "2026-01-01T00:00:00+01",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00Zx",
        "2026-01-01x00:00:00",
        "x026-01-01T00:00:00",
        "2026-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-01-01T00:00:00+01:00x",
        "2026/01/01T00:00:00",
        "20260101T000000Z",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        long long ms = 42;
        size_t n = strlen(bad[i]);
        char *guarded = guard_copy(span_of(bad[i]));
        if (clock_parse_iso((span){guarded, n}, &ms))
            printf("#   %s\n", bad[i]);
        CHECK_INT(clock_parse_iso((span){guarded, n}, &ms), 0);
        CHECK_INT(ms, 42);
        guard_free(guarded, n);
    }
}

static void unit_clock_ages(void)
{
    test_begin("an age is short");
    static const struct {
        long long ms;
        const char *text;
    } cases[] = {{-5, "now"},
                 {0, "now"},
                 {59999, "now"},
                 {60000, "1m"},
                 {3599999, "59m"},
                 {3600000, "1h"},
                 {86399999, "23h"},
                 {86400000, "1d"},
                 {31535999999LL, "364d"},
                 {31536000000LL, "1y"},
                 {315360000000LL, "10y"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf b = {0};
        clock_put_age(&b, cases[i].ms);
        CHECK_SPAN(buf_view(&b), cases[i].text);
        buf_free(&b);
    }
    long long before = clock_mono_ms();
    CHECK(clock_mono_ms() >= before);
    CHECK(clock_wall_ms() > 1700000000000LL);
}

static void unit_clock(void)
{
    unit_clock_iso();
    unit_clock_calendar();
    unit_clock_ages();
}
