/* What needs no broker. */
#include "tests.h"

#include <stdio.h>
#include <string.h>

#include <internal.h>
#include <mot/base/mem.h>

/* From org.apache.kafka.common.utils.UtilsTest. */
static void test_murmur2_is_javas(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t hash;
    } cases[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        assert_int_equal((int32_t)murmur2(cases[i].text, strlen(cases[i].text)), cases[i].hash);
}

static void test_partitions_are_javas(void **state)
{
    (void)state;
    assert_int_equal(bus_partition_of("21", 2, 7), (-973932308 & 0x7fffffff) % 7);
    assert_int_equal(bus_partition_of("", 0, 1), 0);
    assert_int_equal(bus_partition_of("abc", 3, 1000), 479470107 % 1000);
}

static void test_traces_are_w3c(void **state)
{
    (void)state;
    char one[TRACE_TEXT_SIZE];
    char two[TRACE_TEXT_SIZE];
    assert_ptr_equal(bus_trace_new(one), one);
    bus_trace_new(two);
    assert_int_equal(strlen(one), 55);
    assert_int_equal(strspn(one, "0123456789abcdef-"), 55);
    assert_memory_equal(one, "00-", 3);
    assert_int_equal(one[35], '-');
    assert_string_equal(one + 52, "-01");
    assert_string_not_equal(one, two);
}

static void test_foreign_clusters_are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct bus_producer_options options = {
        .region = "test-us-east-1", .cluster = "stage-us-east-1", .bootstrap = "127.0.0.1:1"};
    assert_null(bus_producer_open(&options, &err));
    assert_int_equal(err.code, ERR_FORBIDDEN);
    assert_non_null(strstr(err.message, "test-us-east-1"));
    assert_non_null(strstr(err.message, "stage-us-east-1"));

    options.mirror = true;
    struct bus_producer *producer = bus_producer_open(&options, &err);
    assert_non_null(producer);
    bus_producer_close(producer, 0);
}

static void test_no_bootstrap_is_an_error(void **state)
{
    (void)state;
    struct err err = {0};
    const struct bus_consumer_options options = {.region = "a", .cluster = "a", .name = "test"};
    assert_null(bus_consumer_open(&options, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.message, "kafka a"));
}

static void test_link_counts_changes_only(void **state)
{
    (void)state;
    struct link link;
    link_init(&link, "client", "cluster", "127.0.0.1:1");
    assert_false(link_state(&link).connected);
    link_down(&link, "first");
    int64_t since = link_state(&link).since_ms;
    link_up(&link);
    assert_true(link_state(&link).connected);
    assert_true(link_state(&link).since_ms >= since);
    assert_string_equal(link_state(&link).last_error, "first");
    link_note(&link, "one of two brokers");
    assert_true(link_state(&link).connected);
    link_down(&link, "all");
    assert_false(link_state(&link).connected);
    assert_string_equal(link_state(&link).last_error, "all");
    link_release(&link);
}

int run_pure_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_murmur2_is_javas),
        cmocka_unit_test(test_partitions_are_javas),
        cmocka_unit_test(test_traces_are_w3c),
        cmocka_unit_test(test_foreign_clusters_are_refused),
        cmocka_unit_test(test_no_bootstrap_is_an_error),
        cmocka_unit_test(test_link_counts_changes_only),
    };
    return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
