/*
 * A broker's folder. Formatting writes what `kafka-storage format` would, one small file: that
 * spares a JVM per region at the first `mot up`. A broker without a bootstrap checkpoint starts
 * with the newest metadata version it knows.
 */
#include <string.h>

#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>

#include "broker.h"

#define KAFKA_ID_SIZE 23

static const char settings[] =
    "process.roles=broker,controller\n"
    "node.id=1\n"
    "controller.listener.names=CONTROLLER\n"
    "inter.broker.listener.name=PLAINTEXT\n"
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
    "auto.create.topics.enable=false\n"
    "num.partitions=1\n"
    "default.replication.factor=1\n"
    "min.insync.replicas=1\n"
    "offsets.topic.replication.factor=1\n"
    "offsets.topic.num.partitions=1\n"
    "transaction.state.log.replication.factor=1\n"
    "transaction.state.log.min.isr=1\n"
    "transaction.state.log.num.partitions=1\n"
    "share.coordinator.state.topic.replication.factor=1\n"
    "share.coordinator.state.topic.min.isr=1\n"
    "share.coordinator.state.topic.num.partitions=1\n"
    "group.initial.rebalance.delay.ms=0\n"
    /* The default of 128 MiB does not fit the small heap. */
    "log.cleaner.dedupe.buffer.size=4194304\n"
    "log.cleaner.threads=1\n"
    "num.network.threads=1\n"
    "num.io.threads=2\n"
    "num.replica.fetchers=1\n"
    "num.recovery.threads.per.data.dir=1\n"
    /* Idle clients stay connected: a region may have nothing to say for hours. */
    "connections.max.idle.ms=86400000\n"
    /* After kill -9 the broker is let back in once its last session is over. */
    "broker.heartbeat.interval.ms=500\n"
    "broker.session.timeout.ms=3000\n"
    /* It is alone: nobody has to be waited for. */
    "controller.quorum.election.timeout.ms=200\n"
    "controller.quorum.fetch.timeout.ms=2000\n"
    "controller.quorum.election.backoff.max.ms=100\n";

/* 16 random bytes as Kafka writes ids: base64 for URLs, 22 characters, not beginning with a dash.
 */
static void make_id(char id[KAFKA_ID_SIZE])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < KAFKA_ID_SIZE - 1; i++)
        id[i] = alphabet[random_below(i == 0 ? 26 : 64)];
    id[KAFKA_ID_SIZE - 2] = alphabet[random_below(4) * 16]; /* the last character has two bits */
    id[KAFKA_ID_SIZE - 1] = '\0';
}

static int write_properties(const struct broker_config *config, struct err *err)
{
    AUTO_FREE char *path = file_join(config->dir, "server.properties");
    AUTO_FREE char *text =
        mem_printf("%scontroller.quorum.voters=1@127.0.0.1:%d\n"
                   "listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\n"
                   "advertised.listeners=PLAINTEXT://127.0.0.1:%d\n"
                   "log.dirs=%s/data\n",
                   settings, config->controller_port, config->port, config->controller_port,
                   config->port, config->dir);
    return file_write(path, text, strlen(text), 0644, err);
}

static int format_data(const struct broker_config *config, struct err *err)
{
    char made[KAFKA_ID_SIZE];
    char directory[KAFKA_ID_SIZE];
    AUTO_FREE char *path = mem_printf("%s/data/meta.properties", config->dir);
    struct err why = {0};
    AUTO_FREE char *before = file_read(path, 65536, NULL, &why);
    if (before)
        return 0;
    if (why.code != ERR_NOT_FOUND)
        return err_set(err, why.code, "%s", why.message);
    make_id(made);
    make_id(directory);
    AUTO_FREE char *text = mem_printf("version=1\nnode.id=1\ncluster.id=%s\ndirectory.id=%s\n",
                                      config->cluster_id ? config->cluster_id : made, directory);
    return file_write(path, text, strlen(text), 0644, err);
}

int broker_prepare(const struct broker_config *config, struct err *err)
{
    AUTO_FREE char *data = file_join(config->dir, "data");
    if (file_mkdirs(data, 0755, err) < 0)
        return -1;
    if (write_properties(config, err) < 0)
        return -1;
    return format_data(config, err);
}
