/*
 * One mirror copies topics from one cluster to another: each partition in its order, into the same
 * partition, with key, value, timestamp and headers as they were.
 *
 * Where it stands is written nowhere but in the destination: each copy carries HEADER_ORIGIN, the
 * id of the source cluster and the offset there. A mirror that starts reads the last record of each
 * destination partition and goes on behind its origin. So whatever was killed when, there is no
 * gap. Duplicates come only from a request that was on its way to the destination's broker when the
 * mirror was killed and arrived after the next one had looked: a window of milliseconds, and a
 * duplicate is no news to the readers.
 */
#ifndef MOT_MIRROR_MIRROR_H
#define MOT_MIRROR_MIRROR_H

#include <stdint.h>

#include <mot/base/err.h>
#include <mot/bus/bus.h>
#include <mot/topology/topology.h>

/* Copies until a stop is requested. Reports troubles in the log and goes on by itself. One thread
 * each. */
void copier_run(const struct topology *topology, const struct mirror *mirror);

/* Where a copy comes from. */
struct origin {
    char cluster[BUS_CLUSTER_ID_SIZE];
    int64_t offset; /* -1: there is none */
};

#define ORIGIN_TEXT_SIZE (BUS_CLUSTER_ID_SIZE + 24)
char *origin_format(const char *cluster, int64_t offset, char text[ORIGIN_TEXT_SIZE]);
/* NULL or nonsense: an origin with offset -1. */
struct origin origin_parse(const char *text);
/* The source offset to begin at, when the destination ends with @last and the source partition with
 * @high. */
int64_t origin_resume(const struct origin *last, const char *source_cluster, int64_t high);

/* The origins of the last records of @topic's partitions 0 … @count-1, in @origins. */
int positions_read(const struct topology_region *cluster, const char *topic, int count,
                   struct origin *origins, struct err *err) MOT_NODISCARD;

#endif
