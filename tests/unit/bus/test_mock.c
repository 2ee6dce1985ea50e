/* Producers and consumers against librdkafka's mock cluster. */
#include "tests.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/bus/bus.h>

#define WAIT_MS 15000

static struct {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    const char *bootstrap;
} mock;

static int start_mock(void **state)
{
    (void)state;
    char reason[256];
    mock.rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof(reason));
    mock.cluster = rd_kafka_mock_cluster_new(mock.rk, 1);
    mock.bootstrap = rd_kafka_mock_cluster_bootstraps(mock.cluster);
    return 0;
}

static int stop_mock(void **state)
{
    (void)state;
    rd_kafka_mock_cluster_destroy(mock.cluster);
    rd_kafka_destroy(mock.rk);
    return 0;
}

static void make_topic(const char *topic, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(mock.cluster, topic, partitions, 1), 0);
}

static struct bus_producer *open_producer(size_t queue_max, int timeout_ms)
{
    struct err err = {0};
    const struct bus_producer_options options = {.region = "test-a",
                                                 .cluster = "test-a",
                                                 .bootstrap = mock.bootstrap,
                                                 .epoch = 7,
                                                 .queue_max = queue_max,
                                                 .delivery_timeout_ms = timeout_ms};
    struct bus_producer *producer = bus_producer_open(&options, &err);
    assert_non_null(producer);
    return producer;
}

static struct bus_consumer *open_consumer(bool mark_end)
{
    struct err err = {0};
    const struct bus_consumer_options options = {.region = "test-a",
                                                 .cluster = "test-a",
                                                 .bootstrap = mock.bootstrap,
                                                 .name = "unit",
                                                 .mark_end = mark_end};
    struct bus_consumer *consumer = bus_consumer_open(&options, &err);
    assert_non_null(consumer);
    return consumer;
}

static void produce(struct bus_producer *producer, const char *topic, const char *key,
                    const char *value)
{
    struct err err = {0};
    const struct bus_message message = {.topic = topic,
                                        .partition = -1,
                                        .key = key,
                                        .value = value,
                                        .value_len = value ? strlen(value) : 0,
                                        .revision = 42};
    if (bus_produce(producer, &message, WAIT_MS, NULL, NULL, &err) < 0)
        fail_msg("%s", err.message);
}

static void next(struct bus_consumer *consumer, struct bus_record *record)
{
    struct err err = {0};
    int64_t until_ms = clock_ms() + WAIT_MS;
    while (clock_ms() < until_ms) {
        if (bus_consume(consumer, 1000, record, &err) == 1)
            return;
    }
    fail_msg("no record: %s", err.message);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct err err = {0};
    struct bus_record record;
    make_topic("round", 1);
    struct bus_producer *producer = open_producer(0, 0);
    struct bus_consumer *consumer = open_consumer(false);
    produce(producer, "round", "payments/checkout", "{\"a\":1}");
    produce(producer, "round", "payments/checkout", NULL);
    assert_int_equal(bus_flush(producer, WAIT_MS, &err), 0);
    assert_int_equal(bus_consumer_assign(consumer, "round", 0, BUS_OFFSET_BEGINNING, &err), 0);

    next(consumer, &record);
    assert_string_equal(record.topic, "round");
    assert_int_equal(record.offset, 0);
    assert_string_equal(record.key, "payments/checkout");
    assert_int_equal(record.key_len, strlen("payments/checkout"));
    assert_string_equal(record.value, "{\"a\":1}");
    assert_int_equal(record.value_len, 7);
    assert_string_equal(record.headers.region, "test-a");
    assert_int_equal(record.headers.epoch, 7);
    assert_int_equal(record.headers.sequence, 1);
    assert_int_equal(record.headers.revision, 42);
    assert_int_equal(strlen(record.headers.trace), 55);
    assert_null(record.headers.origin);

    next(consumer, &record);
    assert_null(record.value);
    assert_int_equal(record.headers.sequence, 2);
    assert_true(bus_consumer_state(consumer).connected);
    assert_true(bus_producer_state(producer).connected);
    assert_int_equal(bus_producer_state(producer).queued, 0);
    bus_consumer_close(consumer);
    bus_producer_close(producer, WAIT_MS);
}

/* Each partition has its own dense sequence, whatever the keys are. */
static void test_sequences_are_dense_per_partition(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t last[3] = {0};
    make_topic("dense", 3);
    struct bus_producer *producer = open_producer(0, 0);
    struct bus_consumer *consumer = open_consumer(false);
    for (int i = 0; i < 300; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        produce(producer, "dense", key, "x");
    }
    assert_int_equal(bus_flush(producer, WAIT_MS, &err), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bus_consumer_assign(consumer, "dense", i, BUS_OFFSET_BEGINNING, &err), 0);
    for (int i = 0; i < 300; i++) {
        struct bus_record record;
        next(consumer, &record);
        assert_int_equal(record.partition, bus_partition_of(record.key, record.key_len, 3));
        assert_int_equal(record.headers.sequence, ++last[record.partition]);
    }
    assert_true(last[0] > 50 && last[1] > 50 && last[2] > 50);
    bus_consumer_close(consumer);
    bus_producer_close(producer, WAIT_MS);
}

static void test_forward_keeps_everything(void **state)
{
    (void)state;
    struct err err = {0};
    struct bus_record record;
    make_topic("from", 2);
    make_topic("to", 2);
    struct bus_producer *producer = open_producer(0, 0);
    struct bus_consumer *consumer = open_consumer(false);
    const struct bus_message message = {
        .topic = "from",
        .partition = 1,
        .key = "k",
        .value = "v",
        .value_len = 1,
        .revision = 9,
        .trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
    assert_int_equal(bus_produce(producer, &message, WAIT_MS, NULL, NULL, &err), 0);
    assert_int_equal(bus_consumer_assign(consumer, "from", 1, BUS_OFFSET_BEGINNING, &err), 0);
    next(consumer, &record);
    int64_t timestamp_ms = record.timestamp_ms;
    assert_int_equal(bus_forward(producer, &record, "to", "cluster:0", WAIT_MS, NULL, NULL, &err),
                     0);
    assert_int_equal(bus_consumer_assign(consumer, "to", 1, BUS_OFFSET_BEGINNING, &err), 0);
    next(consumer, &record);
    assert_string_equal(record.topic, "to");
    assert_int_equal(record.partition, 1);
    assert_int_equal(record.timestamp_ms, timestamp_ms);
    assert_string_equal(record.key, "k");
    assert_string_equal(record.value, "v");
    assert_int_equal(record.headers.epoch, 7);
    assert_int_equal(record.headers.sequence, 1);
    assert_int_equal(record.headers.revision, 9);
    assert_string_equal(record.headers.trace, message.trace);
    assert_string_equal(record.headers.origin, "cluster:0");
    bus_consumer_close(consumer);
    bus_producer_close(producer, WAIT_MS);
}

static void *wake_later(void *consumer)
{
    clock_sleep_ms(100);
    bus_consumer_wake(consumer);
    return NULL;
}

static void test_wake_ends_waiting(void **state)
{
    (void)state;
    struct err err = {0};
    struct bus_record record;
    pthread_t thread;
    struct bus_consumer *consumer = open_consumer(false);
    bus_consumer_wake(consumer); /* before: counts as well */
    int64_t began_ms = clock_ms();
    assert_int_equal(bus_consume(consumer, WAIT_MS, &record, &err), 0);
    assert_true(clock_ms() - began_ms < 5000);
    pthread_create(&thread, NULL, wake_later, consumer);
    assert_int_equal(bus_consume(consumer, WAIT_MS, &record, &err), 0);
    assert_true(clock_ms() - began_ms < 10000);
    pthread_join(thread, NULL);
    bus_consumer_close(consumer);
}

static void test_the_end_is_marked(void **state)
{
    (void)state;
    struct err err = {0};
    struct bus_record record;
    int64_t low;
    int64_t high;
    make_topic("end", 1);
    struct bus_producer *producer = open_producer(0, 0);
    struct bus_consumer *consumer = open_consumer(true);
    produce(producer, "end", "k", "v");
    assert_int_equal(bus_flush(producer, WAIT_MS, &err), 0);
    assert_int_equal(bus_consumer_watermarks(consumer, "end", 0, WAIT_MS, &low, &high, &err), 0);
    assert_int_equal(low, 0);
    assert_int_equal(high, 1);
    assert_int_equal(bus_consumer_assign(consumer, "end", 0, BUS_OFFSET_BEGINNING, &err), 0);
    next(consumer, &record);
    assert_false(record.end);
    next(consumer, &record);
    assert_true(record.end);
    assert_int_equal(record.offset, 1);
    assert_int_equal(bus_consumer_unassign(consumer, "end", 0, &err), 0);
    assert_int_equal(bus_consumer_unassign(consumer, "end", 0, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    bus_consumer_close(consumer);
    bus_producer_close(producer, WAIT_MS);
}

struct delivery {
    atomic_int good;
    atomic_int bad;
    enum err_code code;
};

static void count_delivery(void *context, const struct err *err)
{
    struct delivery *delivery = context;
    if (err)
        delivery->code = err->code;
    atomic_fetch_add(err ? &delivery->bad : &delivery->good, 1);
}

/* What the broker still took before it was away would free places in the queue later. */
static void wait_disconnected(struct bus_producer *producer)
{
    int64_t end_ms = clock_ms() + WAIT_MS;
    while (bus_producer_state(producer).connected) {
        assert_true(clock_ms() < end_ms);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* Whatever a failed test left behind. */
static int broker_up(void **state)
{
    (void)state;
    rd_kafka_mock_broker_set_up(mock.cluster, 1);
    return 0;
}

/* A broker that is away: the queue fills, the caller waits, then is refused; what waited is
 * reported when given up. */
static void test_back_pressure_and_giving_up(void **state)
{
    (void)state;
    struct err err = {0};
    struct delivery delivery = {0};
    make_topic("full", 1);
    struct bus_producer *producer = open_producer(5, 1500);
    const struct bus_message message = {.topic = "full", .key = "k", .value = "v", .value_len = 1};
    assert_int_equal(bus_produce(producer, &message, WAIT_MS, count_delivery, &delivery, &err), 0);
    assert_int_equal(bus_flush(producer, WAIT_MS, &err), 0);
    assert_int_equal(delivery.good, 1);

    rd_kafka_mock_broker_set_down(mock.cluster, 1);
    wait_disconnected(producer);
    /* The place of the first one may not be free yet. */
    for (int i = 0; i < 5; i++)
        assert_int_equal(bus_produce(producer, &message, WAIT_MS, count_delivery, &delivery, &err),
                         0);
    assert_int_equal(bus_produce(producer, &message, 100, count_delivery, &delivery, &err), -1);
    assert_int_equal(err.code, ERR_TRANSIENT);
    assert_int_equal(bus_producer_state(producer).queued, 5);
    assert_int_equal(bus_flush(producer, WAIT_MS, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_int_equal(delivery.bad, 5);
    assert_int_equal(delivery.code, ERR_TIMEOUT);
    assert_false(bus_producer_state(producer).connected);

    rd_kafka_mock_broker_set_up(mock.cluster, 1);
    assert_int_equal(bus_produce(producer, &message, WAIT_MS, count_delivery, &delivery, &err), 0);
    assert_int_equal(bus_flush(producer, WAIT_MS, &err), 0);
    assert_int_equal(delivery.good, 2);
    assert_true(bus_producer_state(producer).connected);
    bus_producer_close(producer, WAIT_MS);
}

/* A fatal error of idempotence: what waited is reported, and the producer goes on with a new
 * handle. */
static void test_starting_over(void **state)
{
    (void)state;
    struct err err = {0};
    struct delivery delivery = {0};
    make_topic("fatal", 1);
    struct bus_producer *producer = open_producer(0, 0);
    const struct bus_message message = {.topic = "fatal", .key = "k", .value = "v", .value_len = 1};
    assert_int_equal(bus_produce(producer, &message, WAIT_MS, count_delivery, &delivery, &err), 0);
    assert_int_equal(bus_flush(producer, WAIT_MS, &err), 0);
    rd_kafka_mock_push_request_errors(mock.cluster, 0 /* Produce */, 1,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    assert_int_equal(bus_produce(producer, &message, WAIT_MS, count_delivery, &delivery, &err), 0);
    assert_int_equal(bus_flush(producer, WAIT_MS, &err), -1);
    assert_int_equal(delivery.bad, 1);
    assert_int_equal(bus_produce(producer, &message, WAIT_MS, count_delivery, &delivery, &err), 0);
    assert_int_equal(bus_flush(producer, WAIT_MS, &err), 0);
    assert_int_equal(delivery.good, 2);
    bus_producer_close(producer, WAIT_MS);
}

static void test_what_is_not_there(void **state)
{
    (void)state;
    struct err err = {0};
    int partitions;
    struct bus_consumer *consumer = open_consumer(false);
    make_topic("three", 3);
    assert_int_equal(bus_consumer_partitions(consumer, "three", WAIT_MS, &partitions, &err), 0);
    assert_int_equal(partitions, 3);
    struct bus_producer *producer = open_producer(0, 0);
    const struct bus_message message = {.topic = "three", .partition = 3, .key = "k"};
    assert_int_equal(bus_produce(producer, &message, WAIT_MS, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    const struct bus_message keyless = {.topic = "three", .partition = 0};
    assert_int_equal(bus_produce(producer, &keyless, WAIT_MS, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    bus_producer_close(producer, WAIT_MS);
    bus_consumer_close(consumer);
}

int run_mock_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_sequences_are_dense_per_partition),
        cmocka_unit_test(test_forward_keeps_everything),
        cmocka_unit_test(test_wake_ends_waiting),
        cmocka_unit_test(test_the_end_is_marked),
        cmocka_unit_test_teardown(test_back_pressure_and_giving_up, broker_up),
        cmocka_unit_test(test_starting_over),
        cmocka_unit_test(test_what_is_not_there),
    };
    return cmocka_run_group_tests_name("bus with a mock cluster", tests, start_mock, stop_mock);
}
