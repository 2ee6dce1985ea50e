/*
 * Real Kafka brokers for tests: each in a temporary folder, on free ports of the loopback, killed
 * when the test dies. A failure to start ends the test with the broker's log.
 */
#ifndef MOT_TESTS_LIB_KAFKA_H
#define MOT_TESTS_LIB_KAFKA_H

#include <stddef.h>

struct kafka;

/* @count brokers, each a cluster of its own, started side by side; returns once all answer. */
void kafka_start(struct kafka **ret_brokers, size_t count);
/* "127.0.0.1:PORT" */
const char *kafka_bootstrap(const struct kafka *broker);

/* Ends it, orderly or by kill -9; returns once it is gone. The folder and the ports stay. */
void kafka_stop(struct kafka *broker);
void kafka_kill(struct kafka *broker);
/* Starts it again on the same folder and ports; returns at once … */
void kafka_begin(struct kafka *broker);
/* … and this waits until it answers. */
void kafka_await(struct kafka *broker);
/* Stops it and empties its folder: after kafka_begin it is another cluster at the same address. */
void kafka_wipe(struct kafka *broker);
void kafka_free(struct kafka *broker);

#endif
