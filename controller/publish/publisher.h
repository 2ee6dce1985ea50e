/*
 * The launch publisher: what changed of the regional parts goes to the launch topics of central's
 * cluster, in the order of revisions. Its position stands in the store and moves only after the
 * records are durable: killed in between, it publishes the same records again, and nobody minds.
 *
 * A part is published when its selectable changed (generation, deletion mark, labels): never for
 * its status. When nothing was published for a while but something happened, each launch topic gets
 * a marker: everything for the region up to this revision stands before it.
 */
#ifndef MOT_CONTROLLER_PUBLISHER_H
#define MOT_CONTROLLER_PUBLISHER_H

#include <mot/bus/bus.h>
#include <mot/store/store.h>
#include <mot/topology/topology.h>

#define MARKER_KEY "mot-marker"

struct publisher;

struct publisher_options {
    struct store *store;
    const struct topology *topology;
    const struct routes *routes;
    struct bus_producer *producer; /* of central's cluster; outlives the publisher */
    int64_t quiet_ms;              /* without a launch for so long, a marker is due; 0: 1000 */
    void (*lost)(void *context);   /* another publisher has taken over: the process must end */
    void *context;
};

struct publisher *publisher_start(const struct publisher_options *options,
                                  struct err *err) MOT_NODISCARD;
void publisher_stop(struct publisher *publisher);

/* Answers a region that reports a deployment nobody knows: its tombstone. Any thread. */
void publisher_answer_unknown(struct bus_producer *producer, const char *topic, const char *key,
                              int64_t revision);

#endif
