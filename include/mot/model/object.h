/*
 * What all objects have in common, whatever their kind: metadata, generation, finalizers, the
 * stored form. Functions that take json_t work on a decoded object; nothing here knows a kind.
 */
#ifndef MOT_MODEL_OBJECT_H
#define MOT_MODEL_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

/*
 * Writes a stored body as clients see it: with "resourceVersion":"<revision>" as the first member
 * of metadata; without it when @revision is 0, as a dry run has it. A copy of the bytes, no
 * parsing.
 */
void object_write(struct buf *buf, const char *body, size_t body_len, int64_t revision);
/* The same, decoded: a new reference with metadata.resourceVersion set. */
json_t *object_decode(const char *body, size_t body_len, int64_t revision,
                      struct err *err) MOT_NODISCARD;
/* The stored form of a decoded object: apiVersion, kind and metadata first, no resourceVersion.
 * free() it. */
char *object_encode(const json_t *object, size_t *ret_len) MOT_NODISCARD;

/*
 * The selectable of an object: what selectors, the launch publisher and the garbage collector ask
 * of it without reading the body:
 *     {"generation":3,"deleting":true,"labels":{…},"fields":{"metadata.name":…},"owners":{"<uid>":…}}
 * "owners" has the uids of metadata.ownerReferences, each with its blockOwnerDeletion. "deleting"
 * and empty members are left out; keys sorted, so that equal means equal. @fields: the kind's
 * selectable fields besides metadata.name and metadata.namespace (may be NULL), ends with NULL.
 * Each is a path, "spec.region", or a name and where its value is, the first that is not empty:
 * "source=source.component|reportingComponent". free() it.
 */
char *object_selectable(const json_t *object, const char *const *fields) MOT_NODISCARD;
/* How long the name is, with which one of these fields begins. */
size_t object_field_name_len(const char *field);

/* Sets uid, creationTimestamp, generation 1; removes what a client may not set. managedFields stay
 * as they are, also in the next one. */
void object_prepare_create(json_t *object);
/*
 * Sets what may not change from @old (creationTimestamp, a deletionTimestamp that is there, the uid
 * unless it is given), and generation: old + 1 if anything but metadata (and status, when
 * @status_is_apart) differs. A different uid, or a deletionTimestamp where there was none, stays:
 * schema_validate_update() refuses it.
 */
void object_prepare_update(json_t *object, const json_t *old, bool status_is_apart);
/* deletionTimestamp now, deletionGracePeriodSeconds 0, generation + 1; false if it already had one.
 */
bool object_mark_deleted(json_t *object);

/* These three are "" when there is none, never NULL. */
const char *object_name(const json_t *object);
const char *object_namespace(const json_t *object);
const char *object_uid(const json_t *object);
int64_t object_revision(const json_t *object);
int64_t object_generation(const json_t *object);
bool object_deleting(const json_t *object);
bool object_has_finalizer(const json_t *object, const char *finalizer);
/* True if something changed. */
bool object_add_finalizer(json_t *object, const char *finalizer);
bool object_remove_finalizer(json_t *object, const char *finalizer);

/*
 * Sets one of status.conditions by type; lastTransitionTime moves only when the status changes.
 * @status is the status object itself. True if something changed.
 */
bool condition_set(json_t *status, const char *type, const char *value, const char *reason,
                   const char *message, int64_t observed_generation, int64_t now_wall_ms);
/* Borrowed, or NULL. */
const json_t *condition_get(const json_t *status, const char *type);

#endif
