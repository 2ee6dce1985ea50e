/* What the files of lib/bus share. */
#ifndef MOT_BUS_INTERNAL_H
#define MOT_BUS_INTERNAL_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include <mot/bus/bus.h>

/* ------------------------------------------------------------------------------------ link */

/* How one client stands with its cluster. First member of producers and consumers: librdkafka's
 * opaque is both. */
struct link {
    pthread_mutex_t lock;
    char *name;
    char *cluster;
    char *bootstrap;
    struct bus_state state;
    bool reported;     /* the present state stands in the log */
    atomic_bool up;    /* = state.connected, to be asked without the lock */
    atomic_bool fatal; /* librdkafka will not go on with this handle */
};

void link_init(struct link *link, const char *name, const char *cluster, const char *bootstrap);
void link_release(struct link *link);
/* Each logs the first time that it changes something. */
void link_up(struct link *link);
void link_down(struct link *link, const char *reason);
/* Only remembers the reason. */
void link_note(struct link *link, const char *reason);
struct bus_state link_state(struct link *link);

/* ------------------------------------------------------------------------------------ conf */

struct setting {
    const char *key;
    const char *value; /* NULL: left out */
};

/* What every client of ours has, with the link's callbacks when @link is given; NULL on error. */
rd_kafka_conf_t *conf_new(const char *client_id, const char *bootstrap, struct link *link,
                          struct err *err);
int conf_set(rd_kafka_conf_t *conf, const struct setting *settings, size_t count,
             struct err *err) MOT_NODISCARD;
/* Takes @conf. */
rd_kafka_t *conf_open(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err *err);

/* What a caller can do about an error of librdkafka. */
enum err_code bus_err_code(rd_kafka_resp_err_t code);
int bus_err(struct err *err, const char *cluster, const char *topic, rd_kafka_resp_err_t code);

/* How many partitions a topic has. */
int bus_partitions(rd_kafka_t *rk, const char *cluster, const char *topic, int64_t timeout_ms,
                   int *ret_partitions, struct err *err) MOT_NODISCARD;

char *bus_cluster_id(rd_kafka_t *rk, int64_t timeout_ms, char text[BUS_CLUSTER_ID_SIZE]);

/* ------------------------------------------------------------------------------------ record */

/* Fills in what can be borrowed from @message; key and value are the caller's to copy. */
void record_read(struct bus_record *record, const rd_kafka_message_t *message);
/* The headers of a record of ours. */
rd_kafka_headers_t *record_headers(const char *region, int64_t epoch, int64_t sequence,
                                   int64_t revision, const char *trace);
/* Those of @record, with another origin. */
rd_kafka_headers_t *record_headers_copy(const struct bus_record *record, const char *origin);

uint32_t murmur2(const void *data, size_t len);

#endif
