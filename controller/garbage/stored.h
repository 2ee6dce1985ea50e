/* The kinds of objects that the store holds, as garbage collection and namespaces go through them;
 * and how an object of any of them is deleted. */
#ifndef MOT_CONTROLLER_GARBAGE_STORED_H
#define MOT_CONTROLLER_GARBAGE_STORED_H

#include <mot/model/kind.h>

#include "../writes.h"

#define NAMESPACES          "namespaces"
#define FINALIZER_NAMESPACE "kubernetes" /* in spec.finalizers of a namespace */

struct stored_kind {
    struct controlled_kind controlled;
    const struct kind *kind; /* the first of its versions */
    const struct kinds *kinds;
};

/* Each resource once; no reviews, which are never stored, and no views of others. */
struct stored_kinds {
    const struct kinds *kinds;
    struct stored_kind *items;
    size_t count;
};

void stored_kinds_init(struct stored_kinds *stored, const struct kinds *kinds);
void stored_kinds_release(struct stored_kinds *stored);
/* NULL when there is none. */
const struct stored_kind *stored_kinds_find(const struct stored_kinds *stored,
                                            const char *resource);
/* As an ownerReference names it; a view is what it is a view of. */
const struct stored_kind *stored_kinds_named(const struct stored_kinds *stored,
                                             const char *api_version, const char *kind);

/*
 * As a DELETE does it: @old goes at once, or is marked when finalizers hold it. False when there is
 * nothing to write: it is marked already. @object: @old as it is to be (finalizers added, …).
 */
bool stored_delete(struct writes *writes, const struct stored_kind *kind, const json_t *old,
                   int64_t revision, json_t *object, const char *owner);
/* After finalizers were taken from @object: it goes if nothing holds it any more, else it is
 * updated, with its managedFields. */
bool stored_finish(struct writes *writes, const struct stored_kind *kind, const json_t *old,
                   int64_t revision, json_t *object, const char *owner);
/* What else differs from @old belongs to the controllers; a deletion's marks belong to nobody. */
void stored_sign(const struct stored_kind *kind, const json_t *old, json_t *object);

#endif
