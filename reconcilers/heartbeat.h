/*
 * The region's heartbeat: that it lives, how far it has read, and up to which revision everything
 * has converged. It is published at a steady interval, and at once (but not more often than every
 * 200 ms) when a revision moves.
 */
#ifndef MOT_RECONCILERS_HEARTBEAT_H
#define MOT_RECONCILERS_HEARTBEAT_H

#include <mot/agent/agent.h>
#include <mot/bus/bus.h>

#include "converge/zone.h"

struct heartbeat;

struct heartbeat_zone {
    const char *name;
    const char *driver;
    struct zone *zone; /* NULL: its worker runs in another process */
};

struct heartbeat_options {
    const char *region;
    const char *topic; /* where it goes */
    int64_t epoch;
    int64_t interval_ms;
    struct bus_producer *producer;
    const struct heartbeat_zone *zones;
    size_t zone_count;
};

struct heartbeat *heartbeat_new(const struct heartbeat_options *options);
/* The agent that tells it what is desired and how that stands; valid as long as the heartbeat. */
const struct agent *heartbeat_agent(struct heartbeat *heartbeat);
/* Begins to publish, once @state is restored. @launch (may be NULL) tells the lag. Both must
 * outlive the heartbeat's stop. */
int heartbeat_start(struct heartbeat *heartbeat, struct bundle *state, struct bundle *launch,
                    struct err *err) MOT_NODISCARD;
void heartbeat_stop(struct heartbeat *heartbeat);
void heartbeat_free(struct heartbeat *heartbeat);

#endif
