/*
 * The loop of one mirror. A session lasts as long as nothing fails for good: brokers that are away
 * are waited for inside it. When a copy was given up, or one of the two clusters is another one
 * than before, the session ends and the next one looks in the destination again for where it
 * stands.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>

#include "mirror.h"

#define ASK_MS    5000
#define CREATE_MS 30000
#define POLL_MS   250
#define PAUSE_MS  10
#define TICK_MS   1000 /* while topics are missing */
#define CHECK_MS  5000 /* are these still the same clusters? */
#define REPORT_MS 60000
#define IN_FLIGHT 5000
#define SOURCE_KB 4096

struct copier {
    const struct topology *topology;
    const struct mirror *mirror;
    struct bus_consumer *consumer;
    struct bus_producer *producer;
    char source[BUS_CLUSTER_ID_SIZE];
    char destination[BUS_CLUSTER_ID_SIZE];
    bool from_start;   /* the destination was wiped: everything again, whatever it ends with */
    struct map *flows; /* source topic → its mirror_topic, once it is assigned */
    int64_t next_tick_ms;
    int64_t next_check_ms;
    int64_t next_report_ms;
    int64_t copied;       /* since the last report */
    pthread_mutex_t lock; /* for what the producer's thread says: */
    bool broken;
    struct err failure;
};

/* ------------------------------------------------------------------------------------ assigning */

static int create_destination(struct copier *copier, const char *topic, int partitions,
                              struct err *err)
{
    const struct topology_region *to = copier->mirror->to;
    const struct bus_topic_config config = {.name = topic,
                                            .partitions = partitions,
                                            .replication_factor =
                                                copier->topology->replication_factor,
                                            .compacted = true};
    return bus_topics_create(to->name, to->bootstrap, &config, 1, CREATE_MS, err);
}

static int assign_partition(struct copier *copier, const struct mirror_topic *topic,
                            int32_t partition, const struct origin *last, struct err *err)
{
    int64_t low;
    int64_t high;
    if (bus_consumer_watermarks(copier->consumer, topic->from_topic, partition, ASK_MS, &low, &high,
                                err) < 0)
        return -1;
    int64_t offset =
        copier->from_start ? BUS_OFFSET_BEGINNING : origin_resume(last, copier->source, high);
    log_info("mirroring", LOG_S("mirror", copier->mirror->name), LOG_S("from", topic->from_topic),
             LOG_S("to", topic->to_topic), LOG_I("partition", partition),
             LOG_I("offset", offset == BUS_OFFSET_BEGINNING ? low : offset), LOG_I("end", high));
    return bus_consumer_assign(copier->consumer, topic->from_topic, partition, offset, err);
}

static int assign_partitions(struct copier *copier, struct mirror_topic *topic, int partitions,
                             struct err *err)
{
    struct origin *origins = mem_array((size_t)partitions, sizeof(*origins));
    int ret = positions_read(copier->mirror->to, topic->to_topic, partitions, origins, err);
    for (int i = 0; ret == 0 && i < partitions; i++)
        ret = assign_partition(copier, topic, i, &origins[i], err);
    free(origins);
    return ret;
}

/* 0 also when the source topic isn't there yet: it is looked for again. */
static int assign_topic(struct copier *copier, struct mirror_topic *topic, struct err *err)
{
    int partitions;
    struct err why = {0};
    if (bus_consumer_partitions(copier->consumer, topic->from_topic, ASK_MS, &partitions, &why) <
        0) {
        if (why.code == ERR_NOT_FOUND)
            return 0;
        return err_set(err, why.code, "%s", why.message);
    }
    if (create_destination(copier, topic->to_topic, partitions, err) < 0)
        return -1;
    if (assign_partitions(copier, topic, partitions, err) < 0)
        return -1;
    map_put(copier->flows, topic->from_topic, topic);
    return 0;
}

static int assign_missing(struct copier *copier, struct err *err)
{
    const struct mirror *mirror = copier->mirror;
    for (size_t i = 0; i < mirror->topic_count && !stop_requested(); i++) {
        struct mirror_topic *topic = &mirror->topics[i];
        if (!map_has(copier->flows, topic->from_topic) && assign_topic(copier, topic, err) < 0)
            return -1;
    }
    bool all = map_count(copier->flows) == mirror->topic_count;
    copier->next_tick_ms = all ? INT64_MAX : clock_ms() + TICK_MS;
    return 0;
}

/* ------------------------------------------------------------------------------------ copying */

/* In the producer's thread. */
static void on_delivered(void *context, const struct err *err)
{
    struct copier *copier = context;
    if (!err)
        return;
    pthread_mutex_lock(&copier->lock);
    if (!copier->broken)
        copier->failure = *err;
    copier->broken = true;
    pthread_mutex_unlock(&copier->lock);
}

static int check_broken(struct copier *copier, struct err *err)
{
    pthread_mutex_lock(&copier->lock);
    bool broken = copier->broken;
    if (broken)
        *err = copier->failure;
    pthread_mutex_unlock(&copier->lock);
    return broken ? -1 : 0;
}

/* Waits while the destination is away: what waits in memory is bounded, and the source keeps the
 * rest. */
static int copy_record(struct copier *copier, const struct bus_record *record, struct err *err)
{
    char origin[ORIGIN_TEXT_SIZE];
    const struct mirror_topic *topic = map_get(copier->flows, record->topic);
    if (!topic)
        return err_set(err, ERR_INTERNAL, "a record of %s, which is not ours", record->topic);
    origin_format(copier->source, record->offset, origin);
    for (;;) {
        struct err why = {0};
        if (bus_forward(copier->producer, record, topic->to_topic, origin, 1000, on_delivered,
                        copier, &why) == 0) {
            copier->copied++;
            return 0;
        }
        if (why.code != ERR_TRANSIENT)
            return err_set(err, why.code, "%s", why.message);
        if (stop_wait(PAUSE_MS)) /* not all refusals take their time */
            return 0;
        if (check_broken(copier, err) < 0)
            return -1;
    }
}

/* A cluster that was wiped answers at the same address, under another id. */
static int check_clusters(struct copier *copier, struct err *err)
{
    char id[BUS_CLUSTER_ID_SIZE];
    copier->next_check_ms = clock_ms() + CHECK_MS;
    if (bus_producer_cluster_id(copier->producer, 0, id)) {
        bool other = copier->destination[0] && strcmp(copier->destination, id) != 0;
        snprintf(copier->destination, sizeof(copier->destination), "%s", id);
        if (other) {
            copier->from_start = true;
            return err_set(err, ERR_GONE, "the cluster of %s is a new one",
                           copier->mirror->to->name);
        }
    }
    if (bus_consumer_cluster_id(copier->consumer, 0, id) && strcmp(copier->source, id) != 0)
        return err_set(err, ERR_GONE, "the cluster of %s is a new one", copier->mirror->from->name);
    return 0;
}

static void report(struct copier *copier)
{
    copier->next_report_ms = clock_ms() + REPORT_MS;
    struct bus_state state = bus_producer_state(copier->producer);
    if (copier->copied > 0 || state.queued > 0)
        log_info("mirror", LOG_S("mirror", copier->mirror->name), LOG_I("copied", copier->copied),
                 LOG_I("waiting", state.queued));
    copier->copied = 0;
}

/* The source has nothing more to say, and the destination has it all. */
static void caught_up(struct copier *copier)
{
    if (!copier->from_start || copier->next_tick_ms != INT64_MAX)
        return;
    copier->from_start = bus_producer_state(copier->producer).queued > 0;
}

static int step(struct copier *copier, struct err *err)
{
    struct bus_record record;
    struct err why = {0};
    int64_t now_ms = clock_ms();
    if (now_ms >= copier->next_tick_ms && assign_missing(copier, err) < 0)
        return -1;
    if (now_ms >= copier->next_check_ms && check_clusters(copier, err) < 0)
        return -1;
    if (now_ms >= copier->next_report_ms)
        report(copier);
    if (check_broken(copier, err) < 0)
        return -1;
    int got = bus_consume(copier->consumer, POLL_MS, &record, &why);
    if (got == 1)
        return copy_record(copier, &record, err);
    if (got < 0 &&
        why.code == ERR_NOT_FOUND) /* deleted at the source: begin again, and wait for it */
        return err_set(err, why.code, "%s", why.message);
    if (got == 0)
        caught_up(copier);
    if (got < 0)
        log_debug("mirror", LOG_S("mirror", copier->mirror->name), LOG_S("error", why.message));
    return 0;
}

/* ------------------------------------------------------------------------------------ sessions */

static int open_session(struct copier *copier, struct err *err)
{
    const struct topology_region *from = copier->mirror->from;
    const struct topology_region *to = copier->mirror->to;
    const struct bus_consumer_options source = {.region = to->name,
                                                .cluster = from->name,
                                                .bootstrap = from->bootstrap,
                                                .name = "mot-mirror",
                                                .queue_kb = SOURCE_KB};
    const struct bus_producer_options destination = {.region = to->name,
                                                     .cluster = to->name,
                                                     .bootstrap = to->bootstrap,
                                                     .mirror = true,
                                                     .queue_max = IN_FLIGHT};
    copier->flows = map_new(NULL);
    copier->broken = false;
    copier->next_tick_ms = 0;
    copier->next_check_ms = 0;
    copier->consumer = bus_consumer_open(&source, err);
    copier->producer = copier->consumer ? bus_producer_open(&destination, err) : NULL;
    if (!copier->producer)
        return -1;
    if (!bus_consumer_cluster_id(copier->consumer, ASK_MS, copier->source))
        return err_set(err, ERR_TRANSIENT, "the cluster of %s does not answer", from->name);
    return 0;
}

static void close_session(struct copier *copier)
{
    bus_producer_close(copier->producer, stop_requested() ? 5000 : 0);
    bus_consumer_close(copier->consumer);
    map_free(copier->flows);
    copier->producer = NULL;
    copier->consumer = NULL;
    copier->flows = NULL;
}

/* Returns when a stop is requested, or with what went wrong. */
static int session(struct copier *copier, struct err *err)
{
    int ret = open_session(copier, err);
    while (ret == 0 && !stop_requested())
        ret = step(copier, err);
    close_session(copier);
    return ret;
}

void copier_run(const struct topology *topology, const struct mirror *mirror)
{
    struct copier copier = {.topology = topology, .mirror = mirror};
    struct backoff backoff = BACKOFF_INIT(200, 5000);
    struct err reported = {0};
    pthread_mutex_init(&copier.lock, NULL);
    log_info("mirror started", LOG_S("mirror", mirror->name), LOG_I("topics", mirror->topic_count));
    while (!stop_requested()) {
        struct err err = {0};
        int64_t began_ms = clock_ms();
        if (session(&copier, &err) == 0)
            break;
        if (strcmp(reported.message, err.message) != 0)
            log_warn("mirror begins again", LOG_S("mirror", mirror->name),
                     LOG_S("error", err.message));
        reported = err;
        if (clock_ms() - began_ms > REPORT_MS)
            backoff_reset(&backoff);
        stop_wait(backoff_next(&backoff));
    }
    log_info("mirror stopped", LOG_S("mirror", mirror->name));
    pthread_mutex_destroy(&copier.lock);
}
