/* Waits until the API shows every region Ready, with a heartbeat of this run. */
#ifndef MOT_CLI_UP_REGIONS_H
#define MOT_CLI_UP_REGIONS_H

#include <jansson.h>

#include "cli/up/probe.h"

/* A probe_try; @context is the struct setup. */
int regions_wait(struct probe *probe, void *context, struct err *err);

/* Is this Region object Ready, by a heartbeat of @since_wall_ms or later? */
bool region_is_ready(const json_t *region, int64_t since_wall_ms);

#endif
