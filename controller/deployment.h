/*
 * One deployment: reads what the informer knows of it, decides, and puts the writes that follow
 * into a batch. No IO.
 */
#ifndef MOT_CONTROLLER_DEPLOYMENT_H
#define MOT_CONTROLLER_DEPLOYMENT_H

#include "informer.h"
#include "spec.h"
#include "writes.h"

struct deployment_context {
    const struct informer *informer;
    const struct region_table *regions;
    struct arena *arena;
    struct writes *writes;
    const struct kinds *kinds;
    int64_t now; /* wall clock ms */
};

/* @owner (the key, as long as the batch lives) goes into the batch with each write. */
void deployment_reconcile(const struct deployment_context *context, const char *key,
                          const char *owner);

#endif
