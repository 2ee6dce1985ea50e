/*
 * The launch publisher: what changed of the regional parts goes to the launch topics of central's
 * cluster, in the order of revisions. Its position stands in the store and moves only after the
 * records are durable: killed in between, it publishes the same records again, and nobody minds.
 *
 * The position also names the cluster that has everything up to it: another one, which was wiped,
 * gets everything again.
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

#define PUBLISHER_POSITION "launch" /* the name of its position in the store */

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

/*
 * Answers a region that reports a deployment nobody knows, with its tombstone; returns once that is
 * durable (or was sent within the last minute). ERR_TRANSIENT: not now. Any thread, before
 * publisher_stop.
 */
int publisher_answer_unknown(struct publisher *publisher, const char *region, const char *key,
                             int64_t revision, struct err *err) MOT_NODISCARD;

#endif
