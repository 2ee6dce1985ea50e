/* What every client of ours has in common, and librdkafka's errors in our words. */
#include <stdio.h>
#include <string.h>

#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "internal.h"

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)level;
    log_debug(text, LOG_S("client", rk ? rd_kafka_name(rk) : ""), LOG_S("facility", facility));
}

/* One broker of several may be away; only when none is left the cluster counts as away. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct link *link = opaque;
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        atomic_store(&link->fatal, true);
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        link_down(link, reason);
    else
        link_note(link, reason);
}

/* The statistics say for each broker how it is; what else is in there is left alone. */
static int on_statistics(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
    (void)rk;
    (void)len;
    if (strstr(json, "\"state\":\"UP\""))
        link_up(opaque);
    return 0;
}

int conf_set(rd_kafka_conf_t *conf, const struct setting *settings, size_t count, struct err *err)
{
    char reason[256];
    for (size_t i = 0; i < count; i++) {
        if (settings[i].value && rd_kafka_conf_set(conf, settings[i].key, settings[i].value, reason,
                                                   sizeof(reason)) != RD_KAFKA_CONF_OK)
            return err_set(err, ERR_INVALID, "kafka setting %s=%s: %s", settings[i].key,
                           settings[i].value, reason);
    }
    return 0;
}

rd_kafka_conf_t *conf_new(const char *client_id, const char *bootstrap, struct link *link,
                          struct err *err)
{
    const struct setting settings[] = {
        {"bootstrap.servers", bootstrap},
        {"client.id", client_id},
        {"socket.nagle.disable", "true"},
        {"socket.keepalive.enable", "true"},
        {"socket.timeout.ms", "10000"},
        {"socket.connection.setup.timeout.ms", "5000"},
        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "1000"},
        {"topic.metadata.refresh.interval.ms", "10000"},
        {"log.connection.close", "false"},
        {"statistics.interval.ms", link ? "1000" : NULL},
    };
    if (!bootstrap || !*bootstrap) {
        err_set(err, ERR_INVALID, "no kafka.bootstrapServers");
        return NULL;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (conf_set(conf, settings, MOT_ARRAY_SIZE(settings), err) < 0) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (link) {
        rd_kafka_conf_set_opaque(conf, link);
        rd_kafka_conf_set_error_cb(conf, on_error);
        rd_kafka_conf_set_stats_cb(conf, on_statistics);
    }
    return conf;
}

rd_kafka_t *conf_open(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err *err)
{
    char reason[256];
    rd_kafka_t *rk = rd_kafka_new(type, conf, reason, sizeof(reason));
    if (!rk) {
        err_set(err, ERR_INVALID, "kafka client: %s", reason);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

/* The errors that mean more than "later". */
static const struct {
    rd_kafka_resp_err_t code;
    enum err_code ours;
} codes[] = {
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, ERR_TIMEOUT},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_TOO_LARGE},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, ERR_TOO_LARGE},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ERR_NOT_FOUND},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ERR_NOT_FOUND},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERR_NOT_FOUND},
    {RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, ERR_EXISTS},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_FORBIDDEN},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_FORBIDDEN},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ERR_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ERR_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ERR_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, ERR_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, ERR_INVALID},
};

enum err_code bus_err_code(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(codes); i++) {
        if (codes[i].code == code)
            return codes[i].ours;
    }
    return ERR_TRANSIENT;
}

int bus_err(struct err *err, const char *cluster, const char *topic, rd_kafka_resp_err_t code)
{
    return err_set(err, bus_err_code(code), "kafka %s: %s%s%s", cluster, topic ? topic : "",
                   topic ? ": " : "", rd_kafka_err2str(code));
}

static int partitions_of(const struct rd_kafka_metadata *metadata, const char *cluster,
                         const char *topic, int *ret_partitions, struct err *err)
{
    if (metadata->topic_cnt != 1)
        return bus_err(err, cluster, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    if (metadata->topics[0].err)
        return bus_err(err, cluster, topic, metadata->topics[0].err);
    *ret_partitions = metadata->topics[0].partition_cnt;
    if (*ret_partitions < 1)
        return bus_err(err, cluster, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    return 0;
}

int bus_partitions(rd_kafka_t *rk, const char *cluster, const char *topic, int64_t timeout_ms,
                   int *ret_partitions, struct err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    if (!rkt)
        return bus_err(err, cluster, topic, rd_kafka_last_error());
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, rkt, &metadata, (int)timeout_ms);
    rd_kafka_topic_destroy(rkt);
    if (code)
        return bus_err(err, cluster, topic, code);
    int ret = partitions_of(metadata, cluster, topic, ret_partitions, err);
    rd_kafka_metadata_destroy(metadata);
    return ret;
}

char *bus_cluster_id(rd_kafka_t *rk, int64_t timeout_ms, char text[BUS_CLUSTER_ID_SIZE])
{
    char *id = rd_kafka_clusterid(rk, (int)timeout_ms);
    if (!id)
        return NULL;
    snprintf(text, BUS_CLUSTER_ID_SIZE, "%s", id);
    rd_kafka_mem_free(rk, id);
    return text;
}
