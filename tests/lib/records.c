#include "records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

void records_topic(const char *bootstrap, const char *topic, int partitions)
{
    struct err err = {0};
    const struct bus_topic_config config = {
        .name = topic, .partitions = partitions, .replication_factor = 1, .compacted = true};
    if (bus_topics_create("test", bootstrap, &config, 1, RECORDS_WAIT_MS, &err) < 0)
        fail_msg("%s", err.message);
}

struct bus_producer *records_producer(const char *bootstrap, const char *region)
{
    struct err err = {0};
    const struct bus_producer_options options = {
        .region = region, .cluster = region, .bootstrap = bootstrap, .epoch = 1};
    struct bus_producer *producer = bus_producer_open(&options, &err);
    if (!producer)
        fail_msg("%s", err.message);
    return producer;
}

struct bus_consumer *records_consumer(const char *bootstrap, const char *region)
{
    struct err err = {0};
    const struct bus_consumer_options options = {
        .region = region, .cluster = region, .bootstrap = bootstrap, .name = "test"};
    struct bus_consumer *consumer = bus_consumer_open(&options, &err);
    if (!consumer)
        fail_msg("%s", err.message);
    return consumer;
}

void records_assign(struct bus_consumer *consumer, const char *topic, int partitions)
{
    struct err err = {0};
    for (int i = 0; i < partitions; i++) {
        if (bus_consumer_assign(consumer, topic, i, BUS_OFFSET_BEGINNING, &err) < 0)
            fail_msg("%s", err.message);
    }
}

void records_produce(struct bus_producer *producer, const char *topic, const char *key,
                     const char *value)
{
    struct err err = {0};
    const struct bus_message message = {.topic = topic,
                                        .partition = -1,
                                        .key = key,
                                        .value = value,
                                        .value_len = value ? strlen(value) : 0,
                                        .revision = 42};
    if (bus_produce(producer, &message, RECORDS_WAIT_MS, NULL, NULL, &err) < 0)
        fail_msg("%s", err.message);
}

void records_produce_range(struct bus_producer *producer, const char *topic, int keys, int first,
                           int count)
{
    for (int i = first; i < first + count; i++) {
        char key[16];
        char value[16];
        snprintf(key, sizeof(key), "%d", i % keys);
        snprintf(value, sizeof(value), "%d", i);
        records_produce(producer, topic, key, value);
    }
}

void records_flush(struct bus_producer *producer)
{
    struct err err = {0};
    if (bus_flush(producer, RECORDS_WAIT_MS, &err) < 0)
        fail_msg("%s", err.message);
}

void records_next(struct bus_consumer *consumer, struct bus_record *record)
{
    struct err err = {0};
    int64_t until_ms = clock_ms() + RECORDS_WAIT_MS;
    while (clock_ms() < until_ms) {
        if (bus_consume(consumer, 1000, record, &err) == 1)
            return;
    }
    fail_msg("no record came: %s", err.message);
}

void records_count(struct records_check *check, const struct bus_record *record)
{
    int64_t *last = &check->last[record->partition];
    check->received++;
    if (record->headers.sequence <= *last) {
        check->duplicates++;
        return;
    }
    if (record->headers.sequence != *last + 1)
        check->gaps++;
    *last = record->headers.sequence;
    int64_t *before = &check->value[strtol(record->key, NULL, 10) % 1024];
    int64_t value = record->value ? strtoll(record->value, NULL, 10) + 1 : *before;
    if (value <= *before && record->value)
        check->reordered++;
    *before = value;
}

void records_read(struct bus_consumer *consumer, struct records_check *check, int64_t count)
{
    while (check->received - check->duplicates < count) {
        struct bus_record record;
        records_next(consumer, &record);
        records_count(check, &record);
    }
}
