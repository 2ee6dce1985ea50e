/*
 * Topics are created with their whole configuration, because changing one value later (with
 * librdkafka 2.0.2) resets the others. A cluster that is starting refuses, or answers and has no
 * leaders yet: both are waited for.
 */
#include <stdio.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "internal.h"

#define DAY_MS "86400000"

/* The logs are small: segments of 16 MiB or a day, so that compaction gets at them. */
static const struct setting common[] = {
    {"segment.bytes", "16777216"},
    {"segment.ms", DAY_MS},
    {"min.insync.replicas", NULL}, /* the cluster's own */
    {"message.timestamp.type", "CreateTime"},
};
static const struct setting compacted[] = {
    {"cleanup.policy", "compact"},
    {"delete.retention.ms",
     "2592000000"}, /* 30 d: a region away for so long still sees each deletion */
    {"min.compaction.lag.ms", DAY_MS}, /* the last day is whole: gaps in it mean a loss */
    {"min.cleanable.dirty.ratio", "0.3"},
};
static const struct setting deleted[] = {
    {"cleanup.policy", "delete"},
    {"retention.ms", "604800000"},
};

static void set_configs(rd_kafka_NewTopic_t *topic, const struct setting *settings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (settings[i].value)
            rd_kafka_NewTopic_set_config(topic, settings[i].key, settings[i].value);
    }
}

static rd_kafka_NewTopic_t *new_topic(const struct bus_topic_config *config, struct err *err)
{
    char reason[256];
    char size[24];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        config->name, config->partitions ? config->partitions : 1,
        config->replication_factor ? config->replication_factor : 1, reason, sizeof(reason));
    if (!topic) {
        err_set(err, ERR_INVALID, "topic %s: %s", config->name, reason);
        return NULL;
    }
    snprintf(size, sizeof(size), "%d", BUS_RECORD_MAX + 4096);
    rd_kafka_NewTopic_set_config(topic, "max.message.bytes", size);
    set_configs(topic, common, MOT_ARRAY_SIZE(common));
    if (config->compacted)
        set_configs(topic, compacted, MOT_ARRAY_SIZE(compacted));
    else
        set_configs(topic, deleted, MOT_ARRAY_SIZE(deleted));
    return topic;
}

/* The worst of the topics' own answers. */
static int read_results(const rd_kafka_CreateTopics_result_t *result, const char *cluster,
                        struct err *err)
{
    size_t count = 0;
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);
        if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            return bus_err(err, cluster, rd_kafka_topic_result_name(topics[i]), code);
    }
    return 0;
}

/* What the admin queue says within @timeout_ms. */
static int await_result(rd_kafka_queue_t *queue, const char *cluster, int64_t timeout_ms,
                        struct err *err)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, (int)timeout_ms + 1000);
    if (!event)
        return err_set(err, ERR_TRANSIENT, "kafka %s: no answer to CreateTopics", cluster);
    int ret = 0;
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code)
        ret = err_set(err, bus_err_code(code), "kafka %s: %s", cluster,
                      rd_kafka_event_error_string(event));
    else
        ret = read_results(rd_kafka_event_CreateTopics_result(event), cluster, err);
    rd_kafka_event_destroy(event);
    return ret;
}

static int create(rd_kafka_t *rk, const char *cluster, rd_kafka_NewTopic_t **topics, size_t count,
                  int64_t timeout_ms, struct err *err)
{
    char reason[256];
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, (int)timeout_ms, reason, sizeof(reason));
    rd_kafka_AdminOptions_set_operation_timeout(options, (int)timeout_ms, reason, sizeof(reason));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, topics, count, options, queue);
    int ret = await_result(queue, cluster, timeout_ms, err);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return ret;
}

static int check_leaders(const rd_kafka_metadata_t *metadata, const char *cluster, const char *name,
                         struct err *err)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *topic = &metadata->topics[i];
        if (strcmp(topic->topic, name) != 0)
            continue;
        for (int p = 0; p < topic->partition_cnt; p++) {
            if (topic->partitions[p].leader < 0)
                return err_set(err, ERR_TRANSIENT, "kafka %s: %s: partition %d has no leader",
                               cluster, name, p);
        }
        if (topic->partition_cnt > 0)
            return 0;
    }
    return err_set(err, ERR_TRANSIENT, "kafka %s: %s is not there yet", cluster, name);
}

static int check_all(rd_kafka_t *rk, const char *cluster, const struct bus_topic_config *topics,
                     size_t count, int64_t timeout_ms, struct err *err)
{
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 1, NULL, &metadata, (int)timeout_ms);
    if (code)
        return bus_err(err, cluster, NULL, code);
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < count; i++)
        ret = check_leaders(metadata, cluster, topics[i].name, err);
    rd_kafka_metadata_destroy(metadata);
    return ret;
}

static int64_t at_most(int64_t ms, int64_t limit)
{
    return ms < limit ? (ms > 1 ? ms : 1) : limit;
}

/* One try after the other until the deadline; what can't be healed by waiting ends it at once. */
static int create_all(rd_kafka_t *rk, const char *cluster, rd_kafka_NewTopic_t **fresh,
                      const struct bus_topic_config *topics, size_t count, int64_t until_ms,
                      struct err *err)
{
    struct backoff backoff = BACKOFF_INIT(50, 1000);
    bool created = false;
    for (;;) {
        int64_t slice = at_most(until_ms - clock_ms(), 5000);
        struct err why = {0};
        if (!created)
            created = create(rk, cluster, fresh, count, slice, &why) == 0;
        if (created && check_all(rk, cluster, topics, count, slice, &why) == 0)
            return 0;
        bool hopeless = why.code == ERR_INVALID || why.code == ERR_FORBIDDEN;
        int64_t pause = backoff_next(&backoff);
        if (hopeless || clock_ms() + pause >= until_ms) {
            if (err)
                *err = why;
            return -1;
        }
        clock_sleep_ms(pause);
    }
}

static rd_kafka_t *open_admin(const char *bootstrap, struct err *err)
{
    rd_kafka_conf_t *conf = conf_new("mot-topics", bootstrap, NULL, err);
    return conf ? conf_open(RD_KAFKA_PRODUCER, conf, err) : NULL;
}

int bus_topics_create(const char *cluster, const char *bootstrap,
                      const struct bus_topic_config *topics, size_t count, int64_t timeout_ms,
                      struct err *err)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    if (count == 0)
        return 0;
    rd_kafka_t *rk = open_admin(bootstrap, err);
    if (!rk)
        return err_wrap(err, "kafka %s", cluster);
    rd_kafka_NewTopic_t **fresh = mem_array(count, sizeof(rd_kafka_NewTopic_t *));
    size_t made = 0;
    while (made < count && (fresh[made] = new_topic(&topics[made], err)) != NULL)
        made++;
    int ret = -1;
    if (made == count)
        ret = create_all(rk, cluster, fresh, topics, count, until_ms, err);
    rd_kafka_NewTopic_destroy_array(fresh, made);
    free(fresh);
    rd_kafka_destroy(rk);
    return ret;
}
