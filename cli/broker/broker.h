/*
 * One small Kafka broker (KRaft, broker and controller in one) for one machine: its folder, its
 * command line, and whether it answers. Who starts the process, watches it and stops it is the
 * caller's business: `mot up` and the tests do. No broker of ours runs without these settings; they
 * were measured.
 */
#ifndef MOT_CLI_BROKER_BROKER_H
#define MOT_CLI_BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include <mot/base/err.h>

struct broker_config {
    const char *dir;        /* of this broker: server.properties, data/ */
    const char *libs;       /* the folder of Kafka's jars */
    const char *cluster_id; /* NULL: made at the first broker_prepare and kept */
    int port;               /* on 127.0.0.1, for clients */
    int controller_port;    /* on 127.0.0.1, for itself */
    int heap_mb;            /* 0: 256 */
};

/* The folder of jars: @kafka_home/libs (or @kafka_home itself), else MOT_KAFKA_HOME, else
 * ~/.cache/mot/kafka-4.3.1. free() it. ERR_NOT_FOUND says where it looked. */
char *broker_find_libs(const char *kafka_home, struct err *err) MOT_NODISCARD;

/* Writes server.properties (again, the ports may have changed) and, the first time, formats data/.
 * Needs no JVM. */
int broker_prepare(const struct broker_config *config, struct err *err) MOT_NODISCARD;

/* Two free ports of the loopback, both different from each other. */
int broker_pick_ports(int *ret_port, int *ret_controller_port, struct err *err) MOT_NODISCARD;

/*
 * The command line, NULL-terminated; broker_argv_free() it. With an archive of classes beside the
 * jars it starts in two thirds of the time; broker_archive() says where that is. @make_archive:
 * write it when this broker ends (by SIGTERM).
 */
char **broker_argv(const struct broker_config *config, bool make_archive) MOT_NODISCARD;
void broker_argv_free(char **argv);
/* The archive's path; free() it. */
char *broker_archive(const char *libs) MOT_NODISCARD;
/* After a broker with @make_archive ended: puts its archive in place. Nothing happens when there is
 * none. */
void broker_keep_archive(const struct broker_config *config);

/* Does it answer Kafka requests? One try of at most @timeout_ms; ERR_TRANSIENT when not. */
int broker_probe(int port, int64_t timeout_ms, struct err *err) MOT_NODISCARD;

#endif
