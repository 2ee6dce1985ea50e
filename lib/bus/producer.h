/* A producer from the inside: producer.c queues records, producer_handle.c owns librdkafka's handle
 * and its thread. */
#ifndef MOT_BUS_PRODUCER_H
#define MOT_BUS_PRODUCER_H

#include <mot/base/map.h>

#include "internal.h"

/* One record that waits for its acknowledgement; they hang together in the order in which they were
 * queued. */
struct pending {
    struct pending *previous;
    struct pending *next;
    uint64_t number;
    bus_delivered *delivered;
    void *context;
};

/* What is known of a topic: the last sequence number of each partition. */
struct topic_sequences {
    int partitions;
    int64_t *last;
};

struct bus_producer {
    struct link link; /* first: see there */
    char *region;
    bool mirror;
    int64_t epoch;
    size_t queue_max;
    int linger_ms;
    int delivery_timeout_ms;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* something was acknowledged, or the handle is a new one */
    rd_kafka_t *rk;
    size_t users;   /* threads that use rk outside the lock */
    bool replacing; /* rk must not be used */
    bool closing;
    struct map *topics; /* topic → struct topic_sequences */
    struct pending *first;
    struct pending *last;
    size_t outstanding;
    uint64_t queued; /* the number of the last record */
    bool failed;     /* since the last flush */
    struct err failure;
    pthread_t thread;
};

/* A handle with all settings. */
rd_kafka_t *producer_handle_new(struct bus_producer *producer, struct err *err);
/* The thread that hands out delivery reports and replaces a handle that is broken. */
void *producer_run(void *producer);

/* For both, under the lock. */
void pending_append(struct bus_producer *producer, struct pending *pending);
void pending_remove(struct bus_producer *producer, struct pending *pending);

#endif
