/*
 * Structural OpenAPI v3 schemas as CRDs carry them: pruning, defaulting, validation. Texts and order of the findings
 * are those of kube-apiserver (k8s.io/kube-openapi validation), because clients print them.
 * Immutable after schema_compile; any thread.
 */
#ifndef MOT_MODEL_SCHEMA_H
#define MOT_MODEL_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>
#include <mot/model/texts.h>

struct schema;

/* From a CRD's openAPIV3Schema (borrowed only during the call), with ObjectMeta filled in at the root's metadata. */
struct schema *schema_compile(const json_t *open_api, struct err *err) MOT_NODISCARD;
void schema_free(struct schema *schema);

/* One problem with a field: becomes a cause of a Status. */
struct field_error {
    char *field;        /* "spec.regions[0].name" */
    const char *reason; /* "FieldValueRequired", … static */
    char *message;      /* "Required value", "Invalid value: 99: spec.replicas in body should be …" */
};
struct field_errors {
    struct field_error *items;
    size_t count;
    size_t max; /* 0: 100; what comes after is dropped */
};
void field_errors_add(struct field_errors *errors, const char *field, const char *reason, const char *format, ...)
    MOT_PRINTF(4, 5);
void field_errors_release(struct field_errors *errors);

/* Removes what the schema does not know (and keeps below x-kubernetes-preserve-unknown-fields); the removed paths go to
 * @unknown (may be NULL) as `unknown field "…"`. Also drops nulls of non-nullable fields that have no default. */
void schema_prune(const struct schema *schema, json_t *object, struct texts *unknown);
/* Fills in defaults. */
void schema_default(const struct schema *schema, json_t *object);
/* Everything: types, formats, enums, bounds, patterns, required, list-type set/map uniqueness, int-or-string, nullable.
 * Metadata (names, labels, annotations, finalizers, ownerReferences) too: @namespaced says whether a namespace is due. */
void schema_validate(const struct schema *schema, const json_t *object, struct field_errors *errors);

#endif
