/*
 * Consumers, on librdkafka's simple consumer: partitions are started by hand into one queue, there
 * is no group, no coordinator and no offset topic. Everything else that the client has to say comes
 * through the same queue.
 */
#include <stdio.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>

#include "internal.h"

#define QUEUE_KB_DEFAULT 1024
#define KEEP_BYTES       ((size_t)64 << 10) /* a larger copy of a record is not kept for the next one */

struct assignment {
    rd_kafka_topic_t *topic; /* borrowed from topics */
    int32_t partition;
    int64_t next; /* the offset after the record given out last; before that, where it began */
};

struct bus_consumer {
    struct link link; /* first: see there */
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    pthread_mutex_t lock; /* topics and assignments, for those who ask for the lag */
    struct map *topics;   /* name → rd_kafka_topic_t */
    struct assignment *assignments;
    size_t count;
    size_t capacity;
    rd_kafka_message_t *current;
    struct buf key;
    struct buf value;
    atomic_bool woken;
    bool mark_end;
};

static int set_all(rd_kafka_conf_t *conf, const struct bus_consumer_options *options,
                   struct err *err)
{
    char queue_kb[24];
    char size[24];
    char fetch[24];
    size_t kb = options->queue_kb ? options->queue_kb : QUEUE_KB_DEFAULT;
    size_t partition = kb * 1024 / 2;
    snprintf(queue_kb, sizeof(queue_kb), "%zu", kb);
    snprintf(size, sizeof(size), "%d", BUS_RECORD_MAX);
    snprintf(fetch, sizeof(fetch), "%zu", partition < (1 << 20) ? partition : (size_t)(1 << 20));
    const struct setting settings[] = {
        {"enable.partition.eof", options->mark_end ? "true" : "false"},
        {"auto.offset.reset", "earliest"},
        {"isolation.level", "read_committed"},
        {"enable.auto.commit", "false"},
        {"fetch.min.bytes", "1"},
        {"fetch.wait.max.ms", "250"},
        {"fetch.error.backoff.ms", "100"},
        {"fetch.message.max.bytes", fetch},
        {"message.max.bytes", size},
        {"receive.message.max.bytes", "100000000"},
        {"queued.max.messages.kbytes", queue_kb},
        {"queued.min.messages", "100000"},
        {"check.crcs", "true"},
    };
    return conf_set(conf, settings, MOT_ARRAY_SIZE(settings), err);
}

static rd_kafka_t *open_handle(struct bus_consumer *consumer,
                               const struct bus_consumer_options *options, struct err *err)
{
    rd_kafka_conf_t *conf = conf_new(options->name, options->bootstrap, &consumer->link, err);
    if (!conf)
        return NULL;
    if (set_all(conf, options, err) < 0) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf_open(RD_KAFKA_CONSUMER, conf, err);
}

static void free_topic(void *topic)
{
    rd_kafka_topic_destroy(topic);
}

struct bus_consumer *bus_consumer_open(const struct bus_consumer_options *options, struct err *err)
{
    struct bus_consumer *consumer = mem_zalloc(sizeof(*consumer));
    link_init(&consumer->link, options->name, options->cluster, options->bootstrap);
    atomic_init(&consumer->woken, false);
    consumer->mark_end = options->mark_end;
    consumer->rk = open_handle(consumer, options, err);
    if (!consumer->rk) {
        err_wrap(err, "kafka %s", options->cluster);
        link_release(&consumer->link);
        free(consumer);
        return NULL;
    }
    consumer->queue = rd_kafka_queue_new(consumer->rk);
    rd_kafka_queue_t *callbacks = rd_kafka_queue_get_main(consumer->rk);
    rd_kafka_queue_forward(callbacks, consumer->queue);
    rd_kafka_queue_destroy(callbacks);
    pthread_mutex_init(&consumer->lock, NULL);
    consumer->topics = map_new(free_topic);
    buf_init(&consumer->key, BUF_MAX_DEFAULT);
    buf_init(&consumer->value, BUF_MAX_DEFAULT);
    return consumer;
}

static void release_current(struct bus_consumer *consumer)
{
    if (consumer->current)
        rd_kafka_message_destroy(consumer->current);
    consumer->current = NULL;
}

void bus_consumer_close(struct bus_consumer *consumer)
{
    if (!consumer)
        return;
    release_current(consumer);
    for (size_t i = 0; i < consumer->count; i++)
        rd_kafka_consume_stop(consumer->assignments[i].topic, consumer->assignments[i].partition);
    rd_kafka_queue_t *callbacks = rd_kafka_queue_get_main(consumer->rk);
    rd_kafka_queue_forward(callbacks, NULL);
    rd_kafka_queue_destroy(callbacks);
    rd_kafka_queue_destroy(consumer->queue);
    map_free(consumer->topics);
    rd_kafka_destroy(consumer->rk);
    free(consumer->assignments);
    pthread_mutex_destroy(&consumer->lock);
    buf_release(&consumer->key);
    buf_release(&consumer->value);
    link_release(&consumer->link);
    free(consumer);
}

int bus_consumer_partitions(struct bus_consumer *consumer, const char *topic, int64_t timeout_ms,
                            int *ret_partitions, struct err *err)
{
    if (bus_partitions(consumer->rk, consumer->link.cluster, topic, timeout_ms, ret_partitions,
                       err) < 0)
        return -1;
    link_up(&consumer->link);
    return 0;
}

char *bus_consumer_cluster_id(struct bus_consumer *consumer, int64_t timeout_ms,
                              char text[BUS_CLUSTER_ID_SIZE])
{
    return bus_cluster_id(consumer->rk, timeout_ms, text);
}

static rd_kafka_topic_t *topic_handle(struct bus_consumer *consumer, const char *name)
{
    rd_kafka_topic_t *topic = map_get(consumer->topics, name);
    if (!topic) {
        topic = rd_kafka_topic_new(consumer->rk, name, NULL);
        if (topic)
            map_put(consumer->topics, name, topic);
    }
    return topic;
}

/* False when the partition is not assigned. */
static bool forget(struct bus_consumer *consumer, const rd_kafka_topic_t *topic, int32_t partition)
{
    bool found = false;
    pthread_mutex_lock(&consumer->lock);
    for (size_t i = 0; !found && i < consumer->count; i++) {
        if (consumer->assignments[i].topic != topic ||
            consumer->assignments[i].partition != partition)
            continue;
        consumer->assignments[i] = consumer->assignments[--consumer->count];
        found = true;
    }
    pthread_mutex_unlock(&consumer->lock);
    return found;
}

int bus_consumer_assign(struct bus_consumer *consumer, const char *topic, int32_t partition,
                        int64_t offset, struct err *err)
{
    pthread_mutex_lock(&consumer->lock);
    rd_kafka_topic_t *handle = topic_handle(consumer, topic);
    if (handle) {
        mem_grow((void **)&consumer->assignments, &consumer->capacity, consumer->count,
                 sizeof(*consumer->assignments));
        consumer->assignments[consumer->count++] =
            (struct assignment){.topic = handle, .partition = partition, .next = offset};
    }
    pthread_mutex_unlock(&consumer->lock);
    if (handle && rd_kafka_consume_start_queue(handle, partition, offset, consumer->queue) == 0)
        return 0;
    rd_kafka_resp_err_t code = rd_kafka_last_error();
    if (handle)
        forget(consumer, handle, partition);
    return bus_err(err, consumer->link.cluster, topic, code);
}

int bus_consumer_unassign(struct bus_consumer *consumer, const char *topic, int32_t partition,
                          struct err *err)
{
    rd_kafka_topic_t *handle = map_get(consumer->topics, topic);
    if (!handle || !forget(consumer, handle, partition))
        return err_set(err, ERR_NOT_FOUND, "kafka %s: %s: partition %d is not assigned",
                       consumer->link.cluster, topic, (int)partition);
    if (rd_kafka_consume_stop(handle, partition) < 0)
        return bus_err(err, consumer->link.cluster, topic, rd_kafka_last_error());
    return 0;
}

/* What is left of one partition; -1: not known. */
static int64_t lag_of(struct bus_consumer *consumer, const struct assignment *assignment)
{
    int64_t low, high;
    const char *topic = rd_kafka_topic_name(assignment->topic);
    if (rd_kafka_get_watermark_offsets(consumer->rk, topic, assignment->partition, &low, &high) ||
        high < 0)
        return -1;
    int64_t next = assignment->next;
    if (next == BUS_OFFSET_END)
        next = high;
    else if (next < low)
        next = low > 0 ? low : 0;
    return high > next ? high - next : 0;
}

int64_t bus_consumer_lag(struct bus_consumer *consumer, const char *topic)
{
    int64_t total = 0;
    bool known = false;
    pthread_mutex_lock(&consumer->lock);
    const rd_kafka_topic_t *handle = map_get(consumer->topics, topic);
    for (size_t i = 0; handle && total >= 0 && i < consumer->count; i++) {
        if (consumer->assignments[i].topic != handle)
            continue;
        int64_t lag = lag_of(consumer, &consumer->assignments[i]);
        total = lag < 0 ? -1 : total + lag;
        known = true;
    }
    pthread_mutex_unlock(&consumer->lock);
    return known ? total : -1;
}

/* ------------------------------------------------------------------------------------ consuming */

/* A copy with a NUL behind it; memory that one large record took is given back with the next small
 * one. */
static const char *copy(struct buf *buf, const void *data, size_t len)
{
    if (buf->cap > KEEP_BYTES && len <= KEEP_BYTES)
        buf_release(buf);
    buf_clear(buf);
    buf_add(buf, data, len);
    buf_addc(buf, '\0');
    return buf->data;
}

static void note_position(struct bus_consumer *consumer, const struct bus_record *record)
{
    pthread_mutex_lock(&consumer->lock);
    for (size_t i = 0; i < consumer->count; i++) {
        struct assignment *assignment = &consumer->assignments[i];
        if (assignment->partition == record->partition &&
            strcmp(rd_kafka_topic_name(assignment->topic), record->topic) == 0)
            assignment->next = record->offset + !record->end;
    }
    pthread_mutex_unlock(&consumer->lock);
}

static int give_out(struct bus_consumer *consumer, rd_kafka_message_t *message,
                    struct bus_record *ret_record)
{
    consumer->current = message;
    link_up(&consumer->link);
    record_read(ret_record, message);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        ret_record->end = true;
        note_position(consumer, ret_record);
        return 1;
    }
    note_position(consumer, ret_record);
    if (message->key)
        ret_record->key = copy(&consumer->key, message->key, message->key_len);
    ret_record->key_len = message->key_len;
    if (message->payload)
        ret_record->value = copy(&consumer->value, message->payload, message->len);
    ret_record->value_len = message->len;
    return 1;
}

/* 1 a record, 0 nothing that the caller should see, -1 an error. */
static int look_at(struct bus_consumer *consumer, rd_kafka_message_t *message,
                   struct bus_record *ret_record, struct err *err)
{
    if (!message->err || (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && consumer->mark_end))
        return give_out(consumer, message, ret_record);
    rd_kafka_resp_err_t code = message->err;
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : NULL;
    if (code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        bus_err(err, consumer->link.cluster, topic, code);
        link_note(&consumer->link, rd_kafka_err2str(code));
    }
    rd_kafka_message_destroy(message);
    return code == RD_KAFKA_RESP_ERR__PARTITION_EOF ? 0 : -1;
}

int bus_consume(struct bus_consumer *consumer, int64_t timeout_ms, struct bus_record *ret_record,
                struct err *err)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    release_current(consumer);
    for (;;) {
        if (atomic_exchange(&consumer->woken, false))
            return 0;
        int64_t left = until_ms - clock_ms();
        rd_kafka_message_t *message =
            rd_kafka_consume_queue(consumer->queue, left > 0 ? (int)left : 0);
        if (message) {
            int ret = look_at(consumer, message, ret_record, err);
            if (ret != 0)
                return ret;
        } else if (left <= 0) {
            return 0;
        }
    }
}

/* What passes by itself right after a topic was made or a broker came back. */
static bool is_settling(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR__TRANSPORT;
}

int bus_consumer_watermarks(struct bus_consumer *consumer, const char *topic, int32_t partition,
                            int64_t timeout_ms, int64_t *ret_low, int64_t *ret_high,
                            struct err *err)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    struct backoff backoff = BACKOFF_INIT(20, 500);
    for (;;) {
        int64_t left = until_ms - clock_ms();
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            consumer->rk, topic, partition, ret_low, ret_high, left > 1 ? (int)left : 1);
        if (!code) {
            link_up(&consumer->link);
            return 0;
        }
        int64_t pause = backoff_next(&backoff);
        if (!is_settling(code) || clock_ms() + pause >= until_ms)
            return bus_err(err, consumer->link.cluster, topic, code);
        clock_sleep_ms(pause);
    }
}

void bus_consumer_wake(struct bus_consumer *consumer)
{
    atomic_store(&consumer->woken, true);
    rd_kafka_queue_yield(consumer->queue);
}

struct bus_state bus_consumer_state(struct bus_consumer *consumer)
{
    return link_state(&consumer->link);
}
