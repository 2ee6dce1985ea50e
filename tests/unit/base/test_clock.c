#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)

static void runs_forward(void **state)
{
    (void)state;
    int64_t ms = clock_ms();
    int64_t us = clock_us();
    clock_sleep_ms(20);
    clock_sleep_ms(0);
    clock_sleep_ms(-5);
    assert_true(clock_ms() - ms >= 19);
    assert_true(clock_us() - us >= 19000);
    assert_true(clock_wall_ms() > INT64_C(1700000000000));
}

static void formats(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *seconds;
        const char *milliseconds;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000Z"},
        {INT64_C(1795438651201), "2026-11-23T12:57:31Z", "2026-11-23T12:57:31.201Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        char text[CLOCK_TEXT_SIZE];
        int64_t back = 7;
        assert_string_equal(clock_format(cases[i].ms, text), cases[i].seconds);
        assert_string_equal(clock_format_ms(cases[i].ms, text), cases[i].milliseconds);
        assert_int_equal(clock_parse(text, &back, NULL), 0);
        assert_int_equal(back, cases[i].ms);
    }
}

static void parses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2026-11-23T12:57:31Z", INT64_C(1795438651000)},
        {"2026-11-23t12:57:31z", INT64_C(1795438651000)},
        {"2026-11-23T14:57:31+02:00", INT64_C(1795438651000)},
        {"2026-11-23T07:27:31-05:30", INT64_C(1795438651000)},
        {"2026-11-23T12:57:31.2Z", INT64_C(1795438651200)},
        {"2026-11-23T12:57:31.2019999999999Z", INT64_C(1795438651201)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799000)},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        int64_t ms = 7;
        struct err err = {0};
        assert_int_equal(clock_parse(cases[i].text, &ms, &err), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void refuses_times(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "now",
        "2026-11-23",
        "2026-11-23T12:57:31",
        "2026-11-23 12:57:31Z",
        "2026-11-23T12:57:31Zx",
        "2026-11-23T12:57:31.Z",
        "2026-11-23T12:57Z",
        "2026-13-23T12:57:31Z",
        "2026-00-23T12:57:31Z",
        "2026-11-31T12:57:31Z",
        "2026-02-29T12:57:31Z",
        "2100-02-29T12:57:31Z",
        "2026-11-00T12:57:31Z",
        "2026-11-23T24:57:31Z",
        "2026-11-23T12:60:31Z",
        "2026-11-23T12:57:60Z",
        "2026-11-23T12:57:31+2:00",
        "2026-11-23T12:57:31+24:00",
        "2026-11-23T12:57:31+02:60",
        "2026-11-23T12:57:31+0200",
        "+026-11-23T12:57:31Z",
        " 2026-11-23T12:57:31Z",
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        int64_t ms = 7;
        struct err err = {0};
        assert_int_equal(clock_parse(cases[i], &ms, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(ms, 7);
    }
}

static void prints_ages_as_kubectl(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-2 * SECOND, "<invalid>"},
        {-2 * SECOND + 1, "0s"},
        {-1, "0s"},
        {0, "0s"},
        {999, "0s"},
        {62 * SECOND, "62s"},
        {119 * SECOND + 999, "119s"},
        {2 * MINUTE, "2m"},
        {5 * MINUTE + 37 * SECOND, "5m37s"},
        {10 * MINUTE - 1, "9m59s"},
        {10 * MINUTE, "10m"},
        {10 * MINUTE + 5 * SECOND, "10m"},
        {3 * HOUR - 1, "179m"},
        {3 * HOUR, "3h"},
        {3 * HOUR + MINUTE, "3h1m"},
        {8 * HOUR - 1, "7h59m"},
        {8 * HOUR + 30 * MINUTE, "8h"},
        {48 * HOUR - 1, "47h"},
        {48 * HOUR, "2d"},
        {3 * DAY + 4 * HOUR, "3d4h"},
        {8 * DAY - 1, "7d23h"},
        {8 * DAY + 5 * HOUR, "8d"},
        {2 * YEAR - 1, "729d"},
        {2 * YEAR, "2y"},
        {2 * YEAR + DAY, "2y1d"},
        {8 * YEAR - 1, "7y364d"},
        {8 * YEAR + 9 * DAY, "8y"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        char text[CLOCK_TEXT_SIZE];
        assert_string_equal(clock_age(cases[i].ms, text), cases[i].text);
    }
}

static void parses_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"300ms", 300},
        {"10s", 10 * SECOND},
        {"+10s", 10 * SECOND},
        {"-10s", -10 * SECOND},
        {"1h30m", HOUR + 30 * MINUTE},
        {"1.5h", HOUR + 30 * MINUTE},
        {".5s", 500},
        {"1.s", SECOND},
        {"0.1s", 100},
        {"1m1m", 2 * MINUTE},
        {"1999us", 1},
        {"2000\xC2\xB5s", 2},
        {"2000\xCE\xBCs", 2},
        {"999999ns", 0},
        {"1s999999ns", SECOND},
        {"2562047h", INT64_C(2562047) * HOUR},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        int64_t ms = 7;
        struct err err = {0};
        assert_int_equal(clock_parse_duration(cases[i].text, &ms, &err), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void refuses_durations(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",    "-",        "10",   "s",    ".s",
        "1d",  "10 s",     " 10s", "10sx", "1h-3m",
        "1e3", "3000000h", "1h30", "--1s", "1..5s",
        "mss", "1S",       "00x",  "+",    "99999999999999999999s",
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        int64_t ms = 7;
        struct err err = {0};
        assert_int_equal(clock_parse_duration(cases[i], &ms, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(ms, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_forward),
        cmocka_unit_test(formats),
        cmocka_unit_test(parses),
        cmocka_unit_test(refuses_times),
        cmocka_unit_test(prints_ages_as_kubectl),
        cmocka_unit_test(parses_durations),
        cmocka_unit_test(refuses_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
