/*
 * How the owners of an object stand, by live reads. What was read is kept for one round, as many
 * objects have the same owner.
 */
#ifndef MOT_CONTROLLER_GARBAGE_OWNERS_H
#define MOT_CONTROLLER_GARBAGE_OWNERS_H

#include <jansson.h>

#include <mot/base/map.h>
#include <mot/store/store.h>

#include "../decide/garbage.h"
#include "../events/recorder.h"
#include "stored.h"

struct owners {
    struct store *store;
    const struct stored_kinds *kinds;
    struct recorder *recorder;
    struct map *facts;   /* struct fact by "<resource>\n<ns>/<name>" */
    struct map *strange; /* "apiVersion/kind" that were complained about */
};

void owners_init(struct owners *owners, struct store *store, const struct stored_kinds *kinds,
                 struct recorder *recorder);
void owners_release(struct owners *owners);
/* Begins a new round: everything is read anew. */
void owners_forget(struct owners *owners);
/* Of one ownerReference of @object. -1: it could not be read. */
int owners_state(struct owners *owners, const json_t *object, const json_t *reference,
                 enum owner_state *ret_state, struct err *err) MOT_NODISCARD;

#endif
