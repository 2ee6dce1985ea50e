#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdbool.h>

#include <mot/base/backoff.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

static void fills_all_bytes(void **state)
{
    (void)state;
    unsigned char bytes[1000] = {0};
    bool seen[256] = {false};
    random_bytes(bytes, 0);
    assert_int_equal(bytes[0], 0);
    random_bytes(bytes, sizeof(bytes));
    unsigned distinct = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        distinct += !seen[bytes[i]];
        seen[bytes[i]] = true;
    }
    assert_true(distinct > 200); /* 251 are expected */
}

static void stays_below(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1, 2, 3, 10, 1000, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(bounds); i++)
        for (int n = 0; n < 1000; n++)
            assert_true(random_below(bounds[i]) < bounds[i]);
    unsigned counts[3] = {0};
    for (int n = 0; n < 3000; n++)
        counts[random_below(3)]++;
    for (size_t i = 0; i < 3; i++)
        assert_in_range(counts[i], 800, 1200);
}

static void makes_uuids(void **state)
{
    (void)state;
    char a[UUID_TEXT_SIZE], b[UUID_TEXT_SIZE];
    for (int n = 0; n < 100; n++) {
        assert_ptr_equal(random_uuid(a), a);
        assert_int_equal(strlen(a), 36);
        assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
        for (size_t i = 0; i < 36; i++)
            assert_int_equal(a[i] == '-', i == 8 || i == 13 || i == 18 || i == 23);
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
        assert_string_not_equal(a, random_uuid(b));
    }
}

static void makes_suffixes(void **state)
{
    (void)state;
    char text[6] = "xxxxx";
    random_suffix(text, 0);
    assert_string_equal(text, "");
    for (int n = 0; n < 100; n++) {
        random_suffix(text, 5);
        assert_int_equal(strlen(text), 5);
        assert_int_equal(strspn(text, "bcdfghjklmnpqrstvwxz2456789"), 5);
    }
}

static void hashes_as_fnv(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t hash;
    } cases[] = {
        {"", UINT64_C(0xcbf29ce484222325)},
        {"a", UINT64_C(0xaf63dc4c8601ec8c)},
        {"foobar", UINT64_C(0x85944171f73967e8)},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        assert_true(hash_text(cases[i].text) == cases[i].hash);
        assert_true(hash_bytes(cases[i].text, strlen(cases[i].text), HASH_SEED) == cases[i].hash);
    }
    assert_true(hash_bytes("a", 1, 1) != hash_bytes("a", 1, 2));
}

static void backs_off(void **state)
{
    (void)state;
    static const struct {
        int64_t min_ms, max_ms;
        unsigned failures;
        int64_t low, high;
    } cases[] = {
        {100, 10000, 0, 50, 100},
        {100, 10000, 1, 100, 200},
        {100, 10000, 6, 3200, 6400},
        {100, 10000, 7, 5000, 10000},
        {100, 10000, UINT32_MAX, 5000, 10000},
        {500, 100, 0, 50, 100},
        {0, 10, 0, 1, 1},
        {1, 1, 5, 1, 1},
        {5, 0, 3, 0, 0},
        {1, INT64_MAX, 200, INT64_MAX / 2, INT64_MAX},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        for (int n = 0; n < 100; n++) {
            struct backoff backoff = BACKOFF_INIT(cases[i].min_ms, cases[i].max_ms);
            backoff.failures = cases[i].failures;
            int64_t ms = backoff_next(&backoff);
            assert_true(ms >= cases[i].low && ms <= cases[i].high);
            assert_true(backoff.failures >= cases[i].failures && backoff.failures > 0);
        }
    }
}

static void starts_anew_after_success(void **state)
{
    (void)state;
    struct backoff backoff = BACKOFF_INIT(10, 1000);
    for (int n = 0; n < 10; n++)
        assert_true(backoff_next(&backoff) > 0);
    assert_int_equal(backoff.failures, 10);
    backoff_reset(&backoff);
    assert_true(backoff_next(&backoff) <= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_all_bytes),
        cmocka_unit_test(stays_below),
        cmocka_unit_test(makes_uuids),
        cmocka_unit_test(makes_suffixes),
        cmocka_unit_test(hashes_as_fnv),
        cmocka_unit_test(backs_off),
        cmocka_unit_test(starts_anew_after_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
