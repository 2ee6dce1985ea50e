/* Topics, records and waiting for them, for tests with real brokers. What goes wrong fails the
 * test. */
#ifndef MOT_TESTS_LIB_RECORDS_H
#define MOT_TESTS_LIB_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include <mot/bus/bus.h>

#define RECORDS_WAIT_MS 60000

void records_topic(const char *bootstrap, const char *topic, int partitions);
/* A producer and a consumer of region and cluster @region. */
struct bus_producer *records_producer(const char *bootstrap, const char *region);
struct bus_consumer *records_consumer(const char *bootstrap, const char *region);
/* All partitions from the beginning. */
void records_assign(struct bus_consumer *consumer, const char *topic, int partitions);

/* Queues a record; waits as long as the queue is full. @value NULL: a tombstone. */
void records_produce(struct bus_producer *producer, const char *topic, const char *key,
                     const char *value);
/* Queues @count records "KEYS keys in turn" whose values are first, first+1, …. */
void records_produce_range(struct bus_producer *producer, const char *topic, int keys, int first,
                           int count);
void records_flush(struct bus_producer *producer);

/* The next one, within RECORDS_WAIT_MS. */
void records_next(struct bus_consumer *consumer, struct bus_record *record);

/* Follows one topic of records_produce_range, and finds gaps, duplicates and reordering by sequence
 * number. */
struct records_check {
    int64_t last[16]; /* per partition */
    int64_t received; /* all, duplicates included */
    int64_t duplicates;
    int64_t gaps;
    int64_t reordered;   /* values of one key that do not rise */
    int64_t value[1024]; /* per key */
};
void records_count(struct records_check *check, const struct bus_record *record);
/* Reads until @count different records came. */
void records_read(struct bus_consumer *consumer, struct records_check *check, int64_t count);

#endif
