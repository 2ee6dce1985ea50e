/*
 * What happens to objects of all kinds, whatever they mean: garbage collection, the end of
 * namespaces, and Events with their expiry. One process at a time, the leader.
 */
#ifndef MOT_CONTROLLER_LIFECYCLE_H
#define MOT_CONTROLLER_LIFECYCLE_H

#include <mot/model/kind.h>
#include <mot/store/store.h>

#include "events/recorder.h"

struct lifecycle;

struct lifecycle_options {
    struct store *store;
    const char *kinds;    /* a folder of CRD files besides the built-in kinds; NULL: none */
    int64_t event_ttl_ms; /* after it was seen last, an Event is deleted */
};

struct lifecycle *lifecycle_start(const struct lifecycle_options *options,
                                  struct err *err) MOT_NODISCARD;
/* For the other controllers, which end before it, as the next one. */
struct recorder *lifecycle_recorder(const struct lifecycle *lifecycle);
const struct kinds *lifecycle_kinds(const struct lifecycle *lifecycle);
void lifecycle_stop(struct lifecycle *lifecycle);

#endif
