#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/base/clock.h>

#include "api/watch/window.h"

static struct watch_event *event(const char *resource, int64_t revision)
{
    struct store_change change = {
        .operation = STORE_CREATE,
        .object = {.key = {resource, "n", "a"},
                   .uid = "u",
                   .revision = revision,
                   .body = "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}}",
                   .body_len = 54,
                   .selectable = "{}"}};
    return watch_event_new(&change);
}

static void append(struct window *window, const char *resource, int64_t revision)
{
    window_append(window, window_ring(window, resource), event(resource, revision));
}

static void expect(struct window *window, const char *resource, int64_t after, int64_t first,
                   size_t count)
{
    struct watch_event *events[64];
    size_t found = window_read(window_ring(window, resource), after, events, 64);
    assert_int_equal(found, count);
    for (size_t i = 0; i < found; i++) {
        if (i == 0)
            assert_int_equal(watch_event_revision(events[i]), first);
        watch_event_unref(events[i]);
    }
}

static void test_reading(void **state)
{
    (void)state;
    struct window *window = window_new(100, 1 << 20, 5);
    assert_int_equal(window_ring(window, "a")->start, 5);
    expect(window, "a", 5, 0, 0);
    for (int64_t revision = 6; revision <= 40; revision++)
        append(window, revision % 2 ? "b" : "a", revision);
    expect(window, "a", 5, 6, 18);
    expect(window, "a", 6, 8, 17);
    expect(window, "a", 7, 8, 17);
    expect(window, "a", 40, 0, 0);
    expect(window, "b", 0, 7, 17);
    window_free(window);
}

static void test_oldest_goes_first(void **state)
{
    (void)state;
    struct window *window = window_new(4, 1 << 20, 1);
    append(window, "quiet", 2);
    for (int64_t revision = 3; revision <= 20; revision++)
        append(window, "busy", revision);
    assert_int_equal(window_count(window), 4);
    assert_int_equal(window_ring(window, "quiet")->start, 2);
    assert_int_equal(window_ring(window, "busy")->start, 16);
    expect(window, "busy", 16, 17, 4);
    window_free(window);
}

static void test_quiet_resource_stays_complete(void **state)
{
    (void)state;
    struct window *window = window_new(4, 1 << 20, 1);
    window_ring(window, "quiet");
    for (int64_t revision = 2; revision <= 20; revision++)
        append(window, "busy", revision);
    assert_int_equal(window_ring(window, "quiet")->start, 1);
    window_free(window);
}

static void test_bytes(void **state)
{
    (void)state;
    struct window *window = window_new(1000, 1, 1);
    append(window, "a", 2);
    append(window, "a", 3);
    assert_int_equal(window_count(window), 1);
    expect(window, "a", 2, 3, 1);
    window_free(window);
}

static void test_age(void **state)
{
    (void)state;
    struct window *window = window_new(100, 1 << 20, 1);
    int64_t begin = clock_ms();
    for (int64_t revision = 2; revision <= 20; revision++)
        append(window, revision % 2 ? "b" : "a", revision);
    assert_int_equal(window_expire(window, begin, 100), 0);
    assert_int_equal(window_expire(window, INT64_MAX, 4), 4);
    assert_int_equal(window_ring(window, "a")->start, 4);
    assert_int_equal(window_ring(window, "b")->start, 5);
    expect(window, "a", 4, 6, 8);
    assert_int_equal(window_expire(window, INT64_MAX, 100), 15);
    assert_int_equal(window_count(window), 0);
    window_free(window);
}

static void test_reset(void **state)
{
    (void)state;
    struct window *window = window_new(10, 1 << 20, 1);
    append(window, "a", 2);
    window_reset(window, 9);
    assert_int_equal(window_count(window), 0);
    assert_int_equal(window_ring(window, "a")->start, 9);
    assert_int_equal(window_ring(window, "new")->start, 9);
    window_free(window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_oldest_goes_first),
        cmocka_unit_test(test_quiet_resource_stays_complete),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
