/* lib/bus against a real broker, which is stopped, killed and wiped on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lib/kafka.h>
#include <lib/records.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/bus/bus.h>

#define REGION "test-us-east-1"

static struct kafka *broker;

static int start_broker(void **state)
{
    (void)state;
    kafka_start(&broker, 1);
    return 0;
}

static int free_broker(void **state)
{
    (void)state;
    kafka_free(broker);
    return 0;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct bus_record record;
    records_topic(kafka_bootstrap(broker), "round", 1);
    records_topic(kafka_bootstrap(broker), "round", 1); /* again is fine */
    struct bus_producer *producer = records_producer(kafka_bootstrap(broker), REGION);
    struct bus_consumer *consumer = records_consumer(kafka_bootstrap(broker), REGION);
    int64_t before_ms = clock_wall_ms();
    records_produce(producer, "round", "payments/checkout", "{\"a\":1}");
    records_produce(producer, "round", "payments/checkout", NULL);
    records_flush(producer);
    records_assign(consumer, "round", 1);
    records_next(consumer, &record);
    assert_string_equal(record.key, "payments/checkout");
    assert_string_equal(record.value, "{\"a\":1}");
    assert_true(record.timestamp_ms >= before_ms && record.timestamp_ms <= clock_wall_ms());
    assert_string_equal(record.headers.region, REGION);
    assert_int_equal(record.headers.epoch, 1);
    assert_int_equal(record.headers.sequence, 1);
    assert_int_equal(record.headers.revision, 42);
    assert_int_equal(strlen(record.headers.trace), 55);
    records_next(consumer, &record);
    assert_null(record.value);
    assert_int_equal(record.value_len, 0);
    assert_int_equal(record.headers.sequence, 2);
    bus_consumer_close(consumer);
    bus_producer_close(producer, RECORDS_WAIT_MS);
}

static void test_large_records(void **state)
{
    (void)state;
    struct bus_record record;
    struct err err = {0};
    size_t len = (size_t)3 << 20;
    AUTO_FREE char *value = mem_zalloc(len + 1);
    for (size_t i = 0; i < len; i++)
        value[i] = (char)('a' + (i * 7919 + i / 251) % 26);
    records_topic(kafka_bootstrap(broker), "large", 1);
    struct bus_producer *producer = records_producer(kafka_bootstrap(broker), REGION);
    struct bus_consumer *consumer = records_consumer(kafka_bootstrap(broker), REGION);
    records_produce(producer, "large", "k", value);
    records_produce(producer, "large", "k", "small");
    records_flush(producer);
    records_assign(consumer, "large", 1);
    records_next(consumer, &record);
    assert_int_equal(record.value_len, len);
    assert_memory_equal(record.value, value, len);
    records_next(consumer, &record);
    assert_string_equal(record.value, "small");
    const struct bus_message message = {
        .topic = "large", .key = "k", .value = value, .value_len = (size_t)BUS_RECORD_MAX + 1};
    assert_int_equal(bus_produce(producer, &message, 1000, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_non_null(strstr(err.message, REGION));
    assert_non_null(strstr(err.message, "large"));
    bus_consumer_close(consumer);
    bus_producer_close(producer, RECORDS_WAIT_MS);
}

static void await_state(struct bus_producer *producer, bool connected)
{
    int64_t until_ms = clock_ms() + RECORDS_WAIT_MS;
    while (bus_producer_state(producer).connected != connected) {
        assert_true(clock_ms() < until_ms);
        clock_sleep_ms(20);
    }
}

static void stop_and_start(struct bus_producer *producer, void (*end)(struct kafka *))
{
    end(broker);
    await_state(producer, false);
    records_produce_range(producer, "faults", 100, 2000, 1000);
    kafka_begin(broker);
    kafka_await(broker);
}

/* The broker goes away while records are on their way, and comes back: all arrive, each once, in
 * order. */
static void check_broker_away(void (*end)(struct kafka *))
{
    struct records_check check = {0};
    records_topic(kafka_bootstrap(broker), "faults", 3);
    struct bus_producer *producer = records_producer(kafka_bootstrap(broker), REGION);
    struct bus_consumer *consumer = records_consumer(kafka_bootstrap(broker), REGION);
    records_assign(consumer, "faults", 3);
    records_produce_range(producer, "faults", 100, 0, 1000);
    records_read(consumer, &check, 500);
    records_produce_range(producer, "faults", 100, 1000, 1000);
    stop_and_start(producer, end);
    records_produce_range(producer, "faults", 100, 3000, 1000);
    records_flush(producer);
    records_read(consumer, &check, 4000);
    assert_int_equal(check.received, 4000);
    assert_int_equal(check.duplicates, 0);
    assert_int_equal(check.gaps, 0);
    assert_int_equal(check.reordered, 0);
    await_state(producer, true);
    assert_true(bus_consumer_state(consumer).connected);
    bus_consumer_close(consumer);
    bus_producer_close(producer, RECORDS_WAIT_MS);
}

static void test_broker_stops_and_starts(void **state)
{
    (void)state;
    check_broker_away(kafka_stop);
}

static void test_topics_wait_for_a_starting_broker(void **state)
{
    (void)state;
    struct err err = {0};
    const struct bus_topic_config config = {
        .name = "early", .partitions = 2, .replication_factor = 1};
    const struct bus_topic_config wrong = {
        .name = "no good", .partitions = 1, .replication_factor = 1};
    kafka_wipe(broker);
    assert_int_equal(bus_topics_create("here", kafka_bootstrap(broker), &config, 1, 300, &err), -1);
    assert_int_equal(err.code, ERR_TRANSIENT);
    assert_non_null(strstr(err.message, "here"));
    kafka_begin(broker);
    if (bus_topics_create("here", kafka_bootstrap(broker), &config, 1, RECORDS_WAIT_MS, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(
        bus_topics_create("here", kafka_bootstrap(broker), &wrong, 1, RECORDS_WAIT_MS, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

/* After a wipe the topics are new and so are the offsets: the same consumer and producer go on. */
static void test_broker_killed(void **state)
{
    (void)state;
    check_broker_away(kafka_kill);
}

static void test_a_topic_that_comes_later(void **state)
{
    (void)state;
    struct err err = {0};
    struct bus_record record;
    int partitions;
    struct bus_consumer *consumer = records_consumer(kafka_bootstrap(broker), REGION);
    assert_int_equal(bus_consumer_partitions(consumer, "later", RECORDS_WAIT_MS, &partitions, &err),
                     -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    records_assign(consumer, "later", 1);
    records_topic(kafka_bootstrap(broker), "later", 1);
    struct bus_producer *producer = records_producer(kafka_bootstrap(broker), REGION);
    records_produce(producer, "later", "k", "v");
    records_next(consumer, &record);
    assert_string_equal(record.value, "v");
    bus_producer_close(producer, RECORDS_WAIT_MS);
    bus_consumer_close(consumer);
}

/* An offset that is not there any more is the beginning. */
static void test_offsets(void **state)
{
    (void)state;
    struct err err = {0};
    struct bus_record record;
    records_topic(kafka_bootstrap(broker), "offsets", 2);
    struct bus_producer *producer = records_producer(kafka_bootstrap(broker), REGION);
    struct bus_consumer *consumer = records_consumer(kafka_bootstrap(broker), REGION);
    for (int32_t partition = 0; partition < 2; partition++) {
        for (int i = 0; i < 3; i++) {
            const struct bus_message message = {.topic = "offsets",
                                                .partition = partition,
                                                .key = "k",
                                                .value = "v",
                                                .value_len = 1};
            assert_int_equal(bus_produce(producer, &message, RECORDS_WAIT_MS, NULL, NULL, &err), 0);
        }
    }
    records_flush(producer);
    assert_int_equal(bus_consumer_assign(consumer, "offsets", 0, 2, &err), 0);
    records_next(consumer, &record);
    assert_int_equal(record.offset, 2);
    assert_int_equal(bus_consumer_assign(consumer, "offsets", 1, 1000, &err), 0);
    records_next(consumer, &record);
    assert_int_equal(record.partition, 1);
    assert_int_equal(record.offset, 0);
    bus_producer_close(producer, RECORDS_WAIT_MS);
    bus_consumer_close(consumer);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Not a bench: it only catches that something waits for a timer on the way. */
static void test_latency(void **state)
{
    (void)state;
    int64_t took_us[500];
    struct bus_record record;
    records_topic(kafka_bootstrap(broker), "latency", 1);
    struct bus_producer *producer = records_producer(kafka_bootstrap(broker), REGION);
    struct bus_consumer *consumer = records_consumer(kafka_bootstrap(broker), REGION);
    records_assign(consumer, "latency", 1);
    records_produce(producer, "latency", "warm", "up");
    records_next(consumer, &record);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(took_us); i++) {
        int64_t began_us = clock_us();
        records_produce(producer, "latency", "k", "v");
        records_next(consumer, &record);
        took_us[i] = clock_us() - began_us;
    }
    qsort(took_us, MOT_ARRAY_SIZE(took_us), sizeof(took_us[0]), compare);
    print_message("produce to consume: p50 %lld us, p90 %lld us, p99 %lld us\n",
                  (long long)took_us[250], (long long)took_us[450], (long long)took_us[495]);
    assert_true(took_us[250] < 50000);
    bus_consumer_close(consumer);
    bus_producer_close(producer, RECORDS_WAIT_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_large_records),
        cmocka_unit_test(test_broker_stops_and_starts),
        cmocka_unit_test(test_topics_wait_for_a_starting_broker),
        cmocka_unit_test(test_broker_killed),
        cmocka_unit_test(test_a_topic_that_comes_later),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_latency),
    };
    return cmocka_run_group_tests_name("bus with a broker", tests, start_broker, free_broker);
}
