#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/base/metric.h>

static void writes_samples(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    metric_head(&buf, "x_total", "counter", "How many.");
    metric_add(&buf, "x_total", "a=\"b\"", 12345678901.0);
    metric_add(&buf, "x_total", "", 0.25);
    assert_string_equal(buf.data, "# HELP x_total How many.\n"
                                  "# TYPE x_total counter\n"
                                  "x_total{a=\"b\"} 12345678901\n"
                                  "x_total 0.25\n");
    buf_release(&buf);
}

static void counts_up_to_and_with_each_bound(void **state)
{
    (void)state;
    static const int64_t bounds[] = {1000, 5000};
    struct histogram histogram;
    struct buf buf;
    histogram_init(&histogram, bounds, 2);
    histogram_add(&histogram, 0);
    histogram_add(&histogram, 1000);
    histogram_add(&histogram, 1001);
    histogram_add(&histogram, 5001);
    buf_init(&buf, BUF_MAX_DEFAULT);
    metric_add_histogram(&buf, "t", "a=\"b\"", &histogram, 1e3);
    metric_add_histogram(&buf, "u", "", &histogram, 1);
    assert_string_equal(buf.data, "t_bucket{a=\"b\",le=\"1\"} 2\n"
                                  "t_bucket{a=\"b\",le=\"5\"} 3\n"
                                  "t_bucket{a=\"b\",le=\"+Inf\"} 4\n"
                                  "t_sum{a=\"b\"} 7.002\n"
                                  "t_count{a=\"b\"} 4\n"
                                  "u_bucket{le=\"1000\"} 2\n"
                                  "u_bucket{le=\"5000\"} 3\n"
                                  "u_bucket{le=\"+Inf\"} 4\n"
                                  "u_sum 7002\n"
                                  "u_count 4\n");
    buf_release(&buf);
}

static void *add_many(void *histogram)
{
    for (int i = 0; i < 20000; i++)
        histogram_add(histogram, i % 3);
    return NULL;
}

static void loses_nothing_between_threads(void **state)
{
    (void)state;
    static const int64_t bounds[] = {0, 1};
    struct histogram histogram;
    pthread_t threads[4];
    histogram_init(&histogram, bounds, 2);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &histogram), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(histogram.buckets[0], 4 * 6667);
    assert_int_equal(histogram.buckets[1], 4 * 6667);
    assert_int_equal(histogram.buckets[2], 4 * 6666);
    assert_int_equal(histogram.sum, 4 * (6667 + 2 * 6666));
}

static double value_of(const char *text, const char *name)
{
    AUTO_FREE char *line = mem_printf("\n%s ", name);
    const char *at = strstr(text, line);
    if (!at)
        fail_msg("there is no %s", name);
    return strtod(at + strlen(line), NULL);
}

static void knows_the_process(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    metric_process(&buf);
    assert_true(value_of(buf.data, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(buf.data, "process_virtual_memory_bytes") >=
                value_of(buf.data, "process_resident_memory_bytes"));
    assert_true(value_of(buf.data, "process_open_fds") >= 3);
    assert_true(value_of(buf.data, "process_max_fds") >= value_of(buf.data, "process_open_fds"));
    assert_true(value_of(buf.data, "process_cpu_seconds_total") >= 0);
    double started = value_of(buf.data, "process_start_time_seconds");
    double now = (double)time(NULL);
    assert_true(started > now - 600 && started < now + 5);
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_samples),
        cmocka_unit_test(counts_up_to_and_with_each_bound),
        cmocka_unit_test(loses_nothing_between_threads),
        cmocka_unit_test(knows_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
