/*
 * The bus: records on Kafka through librdkafka. One bus_cluster is one connection set to one
 * region's cluster, of one process.
 *
 * A producer belongs to a process of one region and refuses at creation to produce to any other
 * region's cluster (rule 1); a mirror states its route. Producers are idempotent, with acks=all;
 * records of one key keep their order. Everything reconnects for ever with back-off; bus_state()
 * shows how it stands. Errors name cluster and topic.
 */
#ifndef MOT_BUS_BUS_H
#define MOT_BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/err.h>

/* Headers that every record of ours carries. */
#define HEADER_REGION "mot-region" /* of the producing process */
#define HEADER_EPOCH                                                                               \
    "mot-epoch" /* of the producing process, decimal; newer processes have higher ones */
#define HEADER_SEQUENCE "mot-seq" /* decimal, dense per epoch and topic partition, from 1 */
#define HEADER_REVISION                                                                            \
    "mot-revision"                 /* the revision that the record carries or answers to, decimal */
#define HEADER_TRACE "traceparent" /* W3C trace context */

#define HEADER_ORIGIN                                                                              \
    "mot-mirror-offset" /* of a mirrored record only: "<id of the source cluster>:<offset there>"  \
                         */

#define TRACE_TEXT_SIZE 56

/* The largest record; topics are created with it. */
#define BUS_RECORD_MAX (4 << 20)

struct bus_headers {
    const char *region; /* "" when absent; the numbers are 0 then */
    int64_t epoch;
    int64_t sequence;
    int64_t revision;
    const char *trace;  /* NULL when absent */
    const char *origin; /* HEADER_ORIGIN; NULL when absent */
};

struct bus_record {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    const char *key;   /* NUL-terminated copy; "" when absent */
    const char *value; /* NULL: a tombstone; else NUL-terminated behind value_len */
    size_t value_len;
    struct bus_headers headers;
    size_t key_len;
    bool end; /* no record: the partition's end was reached (only with mark_end); offset is that end
               */
    const void *native; /* librdkafka's, for bus_forward */
};

struct bus_state {
    bool connected;
    int64_t since_ms; /* wall clock of the last change */
    char last_error[256];
    size_t queued; /* records that wait for an acknowledgement */
};

/* ------------------------------------------------------------------------------------------ topics
 */

struct bus_topic_config {
    const char *name;
    int partitions;
    int replication_factor;
    bool compacted; /* cleanup.policy=compact, delete.retention.ms 30 d, min.compaction.lag.ms 1 d;
                       else delete */
};

/*
 * Creates those that are missing, with their whole configuration; waits until they have leaders.
 * Idempotent; what exists already is left as it is. Tries again while the cluster is away or
 * starting, for @timeout_ms (a duration).
 */
int bus_topics_create(const char *cluster, const char *bootstrap,
                      const struct bus_topic_config *topics, size_t count, int64_t timeout_ms,
                      struct err *err) MOT_NODISCARD;

/* ------------------------------------------------------------------------------------------
 * producer */

struct bus_producer;

struct bus_producer_options {
    const char *region;  /* where this process runs */
    const char *cluster; /* the region whose cluster it produces to */
    const char *bootstrap;
    bool mirror; /* this is the mirror of a route that ends in @cluster; it never gives a record up
                    by itself */
    int64_t epoch; /* goes into every record */
    size_t
        queue_max; /* records in flight; 0: 10000. A full queue blocks the caller (back-pressure) */
    int linger_ms; /* 0: send at once */
    int delivery_timeout_ms; /* a record that is not durable by then is given up; 0: 120000, -1:
                                never */
};

struct bus_producer *bus_producer_open(const struct bus_producer_options *options,
                                       struct err *err) MOT_NODISCARD;
/* Sends what is queued, for up to @timeout_ms (a duration); the rest is given up. NULL is fine. */
void bus_producer_close(struct bus_producer *producer, int64_t timeout_ms);

/*
 * Called from the producer's own thread once the record is durable (err NULL) or given up:
 * ERR_TIMEOUT, ERR_TRANSIENT when the producer had to start over (a fatal error of idempotence; it
 * goes on by itself with a new producer id, the same epoch and sequence, so that consumers see the
 * gap), … The caller publishes again what still holds. It may call bus_produce, with a timeout of
 * 0.
 */
typedef void bus_delivered(void *context, const struct err *err);

struct bus_message {
    const char *topic;
    int32_t partition; /* -1: by key (murmur2, as Java clients do) */
    const char *key;
    const char *value; /* NULL: tombstone */
    size_t value_len;
    int64_t revision;
    const char *trace; /* NULL: a new one is made */
};

/*
 * Queues a copy; waits up to @timeout_ms when the queue is full, or while the partitions of a topic
 * that is new to this producer are asked for; then ERR_TRANSIENT. ERR_NOT_FOUND: no such topic.
 * @delivered may be NULL; it is called exactly once when this returns 0 and never otherwise. Any
 * thread.
 */
int bus_produce(struct bus_producer *producer, const struct bus_message *message,
                int64_t timeout_ms, bus_delivered *delivered, void *context,
                struct err *err) MOT_NODISCARD;
/* Waits until everything queued before is durable; an error when one of them was given up since the
 * last flush. */
int bus_flush(struct bus_producer *producer, int64_t timeout_ms, struct err *err) MOT_NODISCARD;
/*
 * A record as it came: same key, value, partition, timestamp and headers, into another topic; only
 * HEADER_ORIGIN is set (to @origin). For mirrors. @record is one that bus_consume gave and that is
 * still valid.
 */
int bus_forward(struct bus_producer *producer, const struct bus_record *record, const char *topic,
                const char *origin, int64_t timeout_ms, bus_delivered *delivered, void *context,
                struct err *err) MOT_NODISCARD;
struct bus_state bus_producer_state(struct bus_producer *producer);
/* The id of the cluster, which changes when it is wiped. Returns @text. NULL: not known within
 * @timeout_ms. */
#define BUS_CLUSTER_ID_SIZE 64
char *bus_producer_cluster_id(struct bus_producer *producer, int64_t timeout_ms,
                              char text[BUS_CLUSTER_ID_SIZE]);

/* ------------------------------------------------------------------------------------------
 * consumer */

/*
 * Consumers have assigned partitions and no group: positions are the caller's business (PostgreSQL,
 * or "from the beginning" for a compacted topic). A consumer belongs to one thread, but for
 * bus_consumer_wake and _state.
 */
struct bus_consumer;

#define BUS_OFFSET_BEGINNING INT64_C(-2)
#define BUS_OFFSET_END       INT64_C(-1)

struct bus_consumer_options {
    const char *region;
    const char *cluster;
    const char *bootstrap;
    const char *name; /* client.id, for the broker's logs: "mot-reconciler" */
    size_t queue_kb;  /* memory for fetched records; 0: 1024 */
    bool mark_end;    /* bus_consume also says when a partition's end is reached */
};

struct bus_consumer *bus_consumer_open(const struct bus_consumer_options *options,
                                       struct err *err) MOT_NODISCARD;
void bus_consumer_close(struct bus_consumer *consumer);

/* How many partitions a topic has; ERR_NOT_FOUND when it does not exist. */
int bus_consumer_partitions(struct bus_consumer *consumer, const char *topic, int64_t timeout_ms,
                            int *ret_partitions, struct err *err) MOT_NODISCARD;
char *bus_consumer_cluster_id(struct bus_consumer *consumer, int64_t timeout_ms,
                              char text[BUS_CLUSTER_ID_SIZE]);
/* Adds a partition; from @offset on (one of ours, or BUS_OFFSET_…; one that no longer exists
 * becomes the beginning). */
int bus_consumer_assign(struct bus_consumer *consumer, const char *topic, int32_t partition,
                        int64_t offset, struct err *err) MOT_NODISCARD;
/* Takes a partition back; records of it that were fetched already may still come out. */
int bus_consumer_unassign(struct bus_consumer *consumer, const char *topic, int32_t partition,
                          struct err *err) MOT_NODISCARD;
/*
 * The next record, waiting up to @timeout_ms: 1 with *ret_record (valid until the next call), 0
 * nothing, -1 an error worth a log line (ERR_TRANSIENT: it goes on by itself).
 */
int bus_consume(struct bus_consumer *consumer, int64_t timeout_ms, struct bus_record *ret_record,
                struct err *err) MOT_NODISCARD;
/* The first offset that is not there yet, and the first that still is; asks the broker. */
int bus_consumer_watermarks(struct bus_consumer *consumer, const char *topic, int32_t partition,
                            int64_t timeout_ms, int64_t *ret_low, int64_t *ret_high,
                            struct err *err) MOT_NODISCARD;
/* Records of the assigned partitions of a topic that were not consumed yet, as far as the fetches
 * so far have told (no round trip, any thread); -1: not known. */
int64_t bus_consumer_lag(struct bus_consumer *consumer, const char *topic);
void bus_consumer_wake(struct bus_consumer *consumer);
struct bus_state bus_consumer_state(struct bus_consumer *consumer);

/* The partition of a key among @partitions, as Java clients choose it. */
int32_t bus_partition_of(const char *key, size_t len, int partitions);

/* A traceparent with new ids. Returns @text. */
char *bus_trace_new(char text[TRACE_TEXT_SIZE]);

#endif
