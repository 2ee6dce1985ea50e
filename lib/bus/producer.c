/* Queueing records: the partition is chosen here and not by librdkafka, so that sequence numbers
 * can be dense. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/mem.h>

#include "producer.h"

#define QUEUE_MAX_DEFAULT        10000
#define DELIVERY_TIMEOUT_DEFAULT 120000

static void free_sequences(void *value)
{
    struct topic_sequences *topic = value;
    free(topic->last);
    free(topic);
}

static struct bus_producer *new_producer(const struct bus_producer_options *options)
{
    struct bus_producer *producer = mem_zalloc(sizeof(*producer));
    AUTO_FREE char *name =
        mem_printf("mot-%s-%s", options->mirror ? "mirror" : "producer", options->region);
    link_init(&producer->link, name, options->cluster, options->bootstrap);
    producer->region = mem_strdup(options->region);
    producer->mirror = options->mirror;
    producer->epoch = options->epoch;
    producer->queue_max = options->queue_max ? options->queue_max : QUEUE_MAX_DEFAULT;
    producer->linger_ms = options->linger_ms;
    producer->delivery_timeout_ms =
        options->delivery_timeout_ms ? options->delivery_timeout_ms : DELIVERY_TIMEOUT_DEFAULT;
    if (options->mirror || options->delivery_timeout_ms < 0)
        producer->delivery_timeout_ms = 0; /* librdkafka's word for never */
    pthread_mutex_init(&producer->lock, NULL);
    cond_init(&producer->changed);
    producer->topics = map_new(free_sequences);
    return producer;
}

static void free_producer(struct bus_producer *producer)
{
    if (producer->rk)
        rd_kafka_destroy(producer->rk);
    map_free(producer->topics);
    pthread_cond_destroy(&producer->changed);
    pthread_mutex_destroy(&producer->lock);
    link_release(&producer->link);
    free(producer->region);
    free(producer);
}

/* Signals are for the main thread. */
static int start_thread(struct bus_producer *producer)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&producer->thread, NULL, producer_run, producer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

struct bus_producer *bus_producer_open(const struct bus_producer_options *options, struct err *err)
{
    if (!options->mirror && strcmp(options->region, options->cluster) != 0) {
        err_set(err, ERR_FORBIDDEN,
                "a process of %s may not produce to the cluster of %s: not its own data centre",
                options->region, options->cluster);
        return NULL;
    }
    struct bus_producer *producer = new_producer(options);
    producer->rk = producer_handle_new(producer, err);
    if (!producer->rk) {
        err_wrap(err, "kafka %s", options->cluster);
        free_producer(producer);
        return NULL;
    }
    int code = start_thread(producer);
    if (code != 0) {
        err_set(err, ERR_TRANSIENT, "kafka %s: no thread: %s", options->cluster, strerror(code));
        free_producer(producer);
        return NULL;
    }
    return producer;
}

void bus_producer_close(struct bus_producer *producer, int64_t timeout_ms)
{
    if (!producer)
        return;
    struct err ignored = {0};
    if (bus_flush(producer, timeout_ms, &ignored) < 0)
        ignored.code = ERR_NONE; /* each record's own callback has heard of it, or will below */
    pthread_mutex_lock(&producer->lock);
    producer->closing = true;
    rd_kafka_queue_t *queue = producer->replacing ? NULL : rd_kafka_queue_get_main(producer->rk);
    pthread_mutex_unlock(&producer->lock);
    if (queue) {
        rd_kafka_queue_yield(queue);
        rd_kafka_queue_destroy(queue);
    }
    pthread_join(producer->thread, NULL);
    free_producer(producer);
}

/* ------------------------------------------------------------------------------------ producing */

/* What goes out, in either form. */
struct outgoing {
    const char *topic;
    int32_t partition; /* -1: by key */
    const char *key;
    size_t key_len;
    const void *value;
    size_t value_len;
    int64_t timestamp_ms;              /* 0: now */
    const struct bus_message *message; /* the headers are made from it … */
    const struct bus_record *record;   /* … or are those of this one, with @origin */
    const char *origin;
};

/* Under the lock. False once the deadline passed. */
static bool wait_changed(struct bus_producer *producer, int64_t until_ms)
{
    return cond_wait(&producer->changed, &producer->lock, until_ms);
}

/* Asks for a topic's partitions, without the lock meanwhile. */
static int learn_topic(struct bus_producer *producer, const char *name, int64_t timeout_ms,
                       struct err *err)
{
    int partitions = 0;
    rd_kafka_t *rk = producer->rk;
    producer->users++;
    pthread_mutex_unlock(&producer->lock);
    int ret = bus_partitions(rk, producer->link.cluster, name, timeout_ms, &partitions, err);
    pthread_mutex_lock(&producer->lock);
    producer->users--;
    pthread_cond_broadcast(&producer->changed);
    if (ret < 0)
        return ret;
    struct topic_sequences *topic = map_get(producer->topics, name);
    if (!topic) {
        topic = mem_zalloc(sizeof(*topic));
        map_put(producer->topics, name, topic);
    }
    if (partitions > topic->partitions) { /* also when it was made again with more of them */
        topic->last = mem_resize(topic->last, (size_t)partitions, sizeof(*topic->last));
        for (int i = topic->partitions; i < partitions; i++)
            topic->last[i] = 0;
    }
    topic->partitions = partitions;
    return 0;
}

static rd_kafka_headers_t *outgoing_headers(const struct bus_producer *producer,
                                            const struct outgoing *out, int64_t sequence)
{
    if (out->record)
        return record_headers_copy(out->record, out->origin);
    return record_headers(producer->region, producer->epoch, sequence, out->message->revision,
                          out->message->trace);
}

/* Hands the record to librdkafka, which copies it. Under the lock. */
static rd_kafka_resp_err_t hand_over(struct bus_producer *producer, const struct outgoing *out,
                                     struct topic_sequences *topic, struct pending *pending)
{
    int32_t partition = out->partition;
    if (partition < 0)
        partition = bus_partition_of(out->key, out->key_len, topic->partitions);
    if (partition >= topic->partitions)
        return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    rd_kafka_headers_t *headers = outgoing_headers(producer, out, topic->last[partition] + 1);
    union {
        const void *from;
        void *to; /* librdkafka only reads it */
    } key = {.from = out->key}, value = {.from = out->value};
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer->rk, RD_KAFKA_V_TOPIC(out->topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.to, out->key_len),
        RD_KAFKA_V_VALUE(value.to, out->value_len), RD_KAFKA_V_TIMESTAMP(out->timestamp_ms),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(pending), RD_KAFKA_V_END);
    if (code)
        rd_kafka_headers_destroy(headers);
    else
        topic->last[partition]++;
    return code;
}

/* Until there is room. Under the lock. */
static int wait_for_room(struct bus_producer *producer, const char *topic, int64_t until_ms,
                         struct err *err)
{
    if (producer->closing)
        return err_set(err, ERR_TRANSIENT, "kafka %s: %s: the producer is closing",
                       producer->link.cluster, topic);
    while (producer->replacing || producer->outstanding >= producer->queue_max) {
        if (!wait_changed(producer, until_ms))
            return err_set(err, ERR_TRANSIENT, "kafka %s: %s: %zu records wait already",
                           producer->link.cluster, topic, producer->outstanding);
    }
    return 0;
}

static int64_t ms_left(int64_t until_ms)
{
    int64_t left = until_ms - clock_ms();
    return left > 0 ? left : 0;
}

/* Under the lock. */
static int queue_record(struct bus_producer *producer, const struct outgoing *out,
                        struct pending *pending, int64_t timeout_ms, struct err *err)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    bool relearned = false;
    for (;;) {
        if (wait_for_room(producer, out->topic, until_ms, err) < 0)
            return -1;
        struct topic_sequences *topic = map_get(producer->topics, out->topic);
        if (!topic) {
            if (learn_topic(producer, out->topic, ms_left(until_ms), err) < 0)
                return -1;
            relearned = true;
            continue;
        }
        rd_kafka_resp_err_t code = hand_over(producer, out, topic, pending);
        if (!code)
            return 0;
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && producer->outstanding > 0 &&
            wait_changed(producer, until_ms))
            continue;
        if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION && !relearned) {
            relearned = true;
            if (learn_topic(producer, out->topic, ms_left(until_ms), err) < 0)
                return -1;
            continue;
        }
        return bus_err(err, producer->link.cluster, out->topic, code);
    }
}

static int produce(struct bus_producer *producer, const struct outgoing *out, int64_t timeout_ms,
                   bus_delivered *delivered, void *context, struct err *err)
{
    struct pending *pending = mem_zalloc(sizeof(*pending));
    pending->delivered = delivered;
    pending->context = context;
    pthread_mutex_lock(&producer->lock);
    int ret = queue_record(producer, out, pending, timeout_ms, err);
    if (ret == 0)
        pending_append(producer, pending);
    pthread_mutex_unlock(&producer->lock);
    if (ret < 0)
        free(pending);
    return ret;
}

int bus_produce(struct bus_producer *producer, const struct bus_message *message,
                int64_t timeout_ms, bus_delivered *delivered, void *context, struct err *err)
{
    if (!message->key)
        return err_set(err, ERR_INVALID, "kafka %s: %s: a record needs a key",
                       producer->link.cluster, message->topic);
    struct outgoing out = {
        .topic = message->topic,
        .partition = message->partition,
        .key = message->key,
        .key_len = strlen(message->key),
        .value = message->value,
        .value_len = message->value ? message->value_len : 0,
        .message = message,
    };
    return produce(producer, &out, timeout_ms, delivered, context, err);
}

int bus_forward(struct bus_producer *producer, const struct bus_record *record, const char *topic,
                const char *origin, int64_t timeout_ms, bus_delivered *delivered, void *context,
                struct err *err)
{
    const rd_kafka_message_t *native = record->native;
    struct outgoing out = {
        .topic = topic,
        .partition = record->partition,
        .key = native->key,
        .key_len = native->key_len,
        .value = native->payload,
        .value_len = native->len,
        .timestamp_ms = record->timestamp_ms > 0 ? record->timestamp_ms : 0,
        .record = record,
        .origin = origin,
    };
    return produce(producer, &out, timeout_ms, delivered, context, err);
}

int bus_flush(struct bus_producer *producer, int64_t timeout_ms, struct err *err)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    int ret = 0;
    pthread_mutex_lock(&producer->lock);
    uint64_t upto = producer->queued;
    while (ret == 0 && producer->first && producer->first->number <= upto) {
        if (!wait_changed(producer, until_ms))
            ret = err_set(err, ERR_TIMEOUT,
                          "kafka %s: %zu records are not acknowledged after %lld ms",
                          producer->link.cluster, producer->outstanding, (long long)timeout_ms);
    }
    if (ret == 0 && producer->failed) {
        if (err)
            *err = producer->failure;
        producer->failed = false;
        ret = -1;
    }
    pthread_mutex_unlock(&producer->lock);
    return ret;
}

struct bus_state bus_producer_state(struct bus_producer *producer)
{
    struct bus_state state = link_state(&producer->link);
    pthread_mutex_lock(&producer->lock);
    state.queued = producer->outstanding;
    pthread_mutex_unlock(&producer->lock);
    return state;
}

char *bus_producer_cluster_id(struct bus_producer *producer, int64_t timeout_ms,
                              char text[BUS_CLUSTER_ID_SIZE])
{
    pthread_mutex_lock(&producer->lock);
    if (producer->replacing) {
        pthread_mutex_unlock(&producer->lock);
        return NULL;
    }
    rd_kafka_t *rk = producer->rk;
    producer->users++;
    pthread_mutex_unlock(&producer->lock);
    char *id = bus_cluster_id(rk, timeout_ms, text);
    pthread_mutex_lock(&producer->lock);
    producer->users--;
    pthread_cond_broadcast(&producer->changed);
    pthread_mutex_unlock(&producer->lock);
    return id;
}
