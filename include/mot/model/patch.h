/* JSON merge patch (RFC 7386), JSON patch (RFC 6902) and strategic merge patch on decoded values.
 */
#ifndef MOT_MODEL_PATCH_H
#define MOT_MODEL_PATCH_H

#include <jansson.h>

#include <mot/base/err.h>

/* A new value that shares nothing with the arguments: it may be changed in place. As
 * evanphx/json-patch does it: nulls inside what is new are dropped from objects, also from
 * those in arrays; a value that takes the place of an object stays as it is. */
json_t *patch_merge(const json_t *target, const json_t *patch) MOT_NODISCARD;
/* ERR_INVALID: not a patch document (400); ERR_CONFLICT: a test failed or a path is missing (422);
 * ERR_TOO_LARGE: over 10000 operations, or over 3 MiB copied in all. As evanphx/json-patch v4.13
 * does it. A new value that shares nothing with the arguments. */
json_t *patch_json(const json_t *target, const json_t *patch, struct err *err) MOT_NODISCARD;
/* The same for @patch as it was parsed from @text, with the tests of a real server: it compares
 * strings and numbers by their JSON text, so 1.0 is not 1. */
json_t *patch_json_text(const json_t *target, const json_t *patch, const char *text, size_t len,
                        struct err *err) MOT_NODISCARD;

/*
 * A strategic merge patch of a kind of Kubernetes itself: finalizers, ownerReferences (by uid) and
 * status.conditions (by type) are merged, other lists replaced; the directives $patch,
 * $deleteFromPrimitiveList, $setElementOrder and $retainKeys are followed. ERR_INVALID,
 * ERR_TOO_LARGE. A new value that shares nothing with the arguments.
 */
json_t *patch_strategic(const json_t *target, const json_t *patch, struct err *err) MOT_NODISCARD;

#endif
