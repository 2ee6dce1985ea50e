/*
 * librdkafka's side of a producer. An idempotent producer can break for good (a fatal error): then
 * everything that waits is reported as given up, and a new handle takes over, with the same
 * sequence numbers of ours going on.
 */
#include <stdio.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "producer.h"

#define POLL_MS 500

void pending_append(struct bus_producer *producer, struct pending *pending)
{
    pending->number = ++producer->queued;
    pending->previous = producer->last;
    pending->next = NULL;
    if (producer->last)
        producer->last->next = pending;
    else
        producer->first = pending;
    producer->last = pending;
    producer->outstanding++;
}

void pending_remove(struct bus_producer *producer, struct pending *pending)
{
    if (pending->previous)
        pending->previous->next = pending->next;
    else
        producer->first = pending->next;
    if (pending->next)
        pending->next->previous = pending->previous;
    else
        producer->last = pending->previous;
    producer->outstanding--;
}

/* The owner's callback comes first, so that a flush that returns has seen all of them. */
static void finish(struct bus_producer *producer, struct pending *pending,
                   const struct err *failure)
{
    if (pending->delivered)
        pending->delivered(pending->context, failure);
    pthread_mutex_lock(&producer->lock);
    pending_remove(producer, pending);
    if (failure && !producer->failed) {
        producer->failed = true;
        producer->failure = *failure;
    }
    pthread_cond_broadcast(&producer->changed);
    pthread_mutex_unlock(&producer->lock);
    free(pending);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct bus_producer *producer = opaque;
    struct pending *pending = message->_private;
    if (!message->err) {
        link_up(&producer->link);
        finish(producer, pending, NULL);
        return;
    }
    struct err failure = {0};
    bus_err(&failure, producer->link.cluster, rd_kafka_topic_name(message->rkt), message->err);
    link_note(&producer->link, failure.message);
    finish(producer, pending, &failure);
}

static int set_all(rd_kafka_conf_t *conf, const struct bus_producer *producer, struct err *err)
{
    char queue[24];
    char linger[24];
    char timeout[24];
    char size[24];
    snprintf(queue, sizeof(queue), "%zu", producer->queue_max);
    snprintf(linger, sizeof(linger), "%d", producer->linger_ms);
    snprintf(timeout, sizeof(timeout), "%d", producer->delivery_timeout_ms);
    snprintf(size, sizeof(size), "%d", BUS_RECORD_MAX);
    const struct setting settings[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"message.timeout.ms", timeout},
        {"message.max.bytes", size},
        {"linger.ms", linger},
        {"compression.type", "lz4"},
        {"retry.backoff.ms", "100"},
        {"queue.buffering.max.messages", queue},
        {"queue.buffering.max.kbytes", "8192"},
        /* A mirror must not leave a hole: what comes after a lost record is lost too, and the
           mirror begins again. */
        {"enable.gapless.guarantee", producer->mirror ? "true" : NULL},
    };
    return conf_set(conf, settings, MOT_ARRAY_SIZE(settings), err);
}

rd_kafka_t *producer_handle_new(struct bus_producer *producer, struct err *err)
{
    rd_kafka_conf_t *conf =
        conf_new(producer->link.name, producer->link.bootstrap, &producer->link, err);
    if (!conf)
        return NULL;
    if (set_all(conf, producer, err) < 0) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return conf_open(RD_KAFKA_PRODUCER, conf, err);
}

/* Reports everything that waits as given up. */
static void give_up(struct bus_producer *producer, rd_kafka_t *rk)
{
    rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(rk) > 0)
        rd_kafka_poll(rk, 50);
    /* All reports are in; what would be left here is a bug of librdkafka, and nobody should wait
     * for it. */
    struct err lost = {0};
    err_set(&lost, ERR_TRANSIENT, "kafka %s: the producer had to start over",
            producer->link.cluster);
    pthread_mutex_lock(&producer->lock);
    struct pending *left = producer->first;
    pthread_mutex_unlock(&producer->lock);
    while (left) {
        finish(producer, left, &lost);
        pthread_mutex_lock(&producer->lock);
        left = producer->first;
        pthread_mutex_unlock(&producer->lock);
    }
}

static rd_kafka_t *take_handle(struct bus_producer *producer)
{
    pthread_mutex_lock(&producer->lock);
    producer->replacing = true;
    while (producer->users > 0)
        pthread_cond_wait(&producer->changed, &producer->lock);
    rd_kafka_t *rk = producer->rk;
    pthread_mutex_unlock(&producer->lock);
    return rk;
}

static bool is_closing(struct bus_producer *producer)
{
    pthread_mutex_lock(&producer->lock);
    bool closing = producer->closing;
    pthread_mutex_unlock(&producer->lock);
    return closing;
}

static void replace(struct bus_producer *producer)
{
    char reason[256] = "";
    rd_kafka_t *old = take_handle(producer);
    rd_kafka_fatal_error(old, reason, sizeof(reason));
    log_warn("kafka producer starts over", LOG_S("client", producer->link.name),
             LOG_S("cluster", producer->link.cluster), LOG_S("error", reason));
    give_up(producer, old);
    struct backoff backoff = BACKOFF_INIT(100, 5000);
    struct err err = {0};
    rd_kafka_t *fresh = producer_handle_new(producer, &err);
    while (!fresh && !is_closing(producer)) {
        clock_sleep_ms(backoff_next(&backoff));
        fresh = producer_handle_new(producer, &err);
    }
    if (fresh)
        rd_kafka_destroy(old);
    pthread_mutex_lock(&producer->lock);
    atomic_store(&producer->link.fatal, false);
    producer->rk = fresh ? fresh : old;
    producer->replacing = !fresh;
    pthread_cond_broadcast(&producer->changed);
    pthread_mutex_unlock(&producer->lock);
}

void *producer_run(void *argument)
{
    struct bus_producer *producer = argument;
    while (!is_closing(producer)) {
        rd_kafka_poll(producer->rk, POLL_MS); /* only this thread changes rk */
        if (atomic_load(&producer->link.fatal))
            replace(producer);
    }
    give_up(producer, producer->rk);
    return NULL;
}
