/* Region objects: made from the topology at start, marked when their heartbeat is overdue. */
#ifndef MOT_CONTROLLER_REGIONS_H
#define MOT_CONTROLLER_REGIONS_H

#include <mot/store/store.h>
#include <mot/topology/topology.h>

#include "informer.h"
#include "writes.h"

/* Creates or updates a Region for each region of the topology; labels and settings of users stay.
 */
int regions_ensure(struct store *store, const struct topology *topology,
                   struct err *err) MOT_NODISCARD;

/*
 * Marks regions whose heartbeat is older than @stale_after_ms as not Ready (Unknown), in the batch.
 * Returns when the next one is due, in ms from @now; -1: none.
 */
int64_t regions_check(const struct informer *informer, int64_t now, int64_t stale_after_ms,
                      struct writes *writes);

#endif
