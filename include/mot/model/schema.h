/*
 * Structural OpenAPI v3 schemas as CRDs carry them: pruning, defaulting, validation. Texts and
 * order of the findings are those of kube-apiserver (k8s.io/kube-openapi validation), because
 * clients print them. Immutable after schema_compile; any thread.
 */
#ifndef MOT_MODEL_SCHEMA_H
#define MOT_MODEL_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>
#include <mot/model/texts.h>

struct schema;

/* From a CRD's openAPIV3Schema (borrowed only during the call), with ObjectMeta filled in at the
 * root's metadata. */
struct schema *schema_compile(const json_t *open_api, struct err *err) MOT_NODISCARD;
void schema_free(struct schema *schema);

/* The type of the field at a path of properties, "spec.replicas": "integer", "string", …;
 * "integer,string" for int-or-string, "" for one without type, NULL when it isn't declared. */
const char *schema_type_at(const struct schema *schema, const char *path);

/*
 * The kind has a scale subresource: its numbers are checked besides the schema. Paths without
 * leading dot; @label_selector may be "". ERR_INVALID unless they lead to integers of spec and
 * status, and to a string.
 */
int schema_set_scale(struct schema *schema, const char *spec_replicas, const char *status_replicas,
                     const char *label_selector, struct err *err) MOT_NODISCARD;

/* One problem with a field: becomes a cause of a Status. */
struct field_error {
    char *field;        /* "spec.regions[0].name" */
    const char *reason; /* "FieldValueRequired", … static */
    char *message; /* "Required value", "Invalid value: 99: spec.replicas in body should be …" */
};
struct field_errors {
    struct field_error *items;
    size_t count;
    size_t max; /* 0: 1000; what comes after is dropped */
    bool once;  /* a finding that is there already is dropped */
};
void field_errors_add(struct field_errors *errors, const char *field, const char *reason,
                      const char *format, ...) MOT_PRINTF(4, 5);
void field_errors_release(struct field_errors *errors);

/*
 * Removes what the schema does not know (and keeps below x-kubernetes-preserve-unknown-fields); the
 * removed paths go to @unknown (may be NULL) as `unknown field "…"`: those of metadata first, then
 * the others sorted, then those of embedded metadata. Also drops nulls of non-nullable fields that
 * have no default, and empty members of metadata, as the real server does; times of metadata become
 * UTC in whole seconds.
 */
void schema_prune(const struct schema *schema, json_t *object, struct texts *unknown);
/* Fills in defaults. */
void schema_default(const struct schema *schema, json_t *object);
/*
 * Everything that is checked of a new object: metadata (names, labels, annotations, finalizers,
 * ownerReferences), then types, formats, enums, bounds, patterns, required, int-or-string,
 * nullable, then the uniqueness in sets and map lists. A namespace is checked when there is one.
 * Names are DNS subdomains, unless metadata.name has another format in the schema: k8s-short-name
 * (a DNS label) or path-segment (anything but ".", ".." and what contains a "/" or "%").
 */
void schema_validate(const struct schema *schema, const json_t *object,
                     struct field_errors *errors);
/*
 * Everything that is checked of an object that takes the place of @old: as above, what may not
 * change in metadata besides. Findings about a value that is the same as in @old are left out
 * (ratcheting): members are compared by name, the items of map lists by key, other lists as a
 * whole. Metadata is not forgiven, nor are duplicates, unless @old has some as well. Both objects
 * as they are before and after the write: with uid, timestamps and generation settled.
 */
void schema_validate_update(const struct schema *schema, const json_t *object, const json_t *old,
                            struct field_errors *errors);
/* What is checked on /status: metadata, and the schema of status only. As in the real server, texts
 * say `n in body` where the field is `status.n`. */
void schema_validate_status(const struct schema *schema, const json_t *object,
                            struct field_errors *errors);
void schema_validate_status_update(const struct schema *schema, const json_t *object,
                                   const json_t *old, struct field_errors *errors);
/* Wrong types in metadata are a 400, not a cause: ERR_INVALID with `json: cannot unmarshal number
 * into Go struct field ObjectMeta.labels of type string`. To be called before schema_prune, which
 * drops what has the wrong type. */
int schema_check_metadata(const json_t *object, struct err *err) MOT_NODISCARD;
/* The same, and for objects that are embedded in the object: `spec.x.kind: Invalid value: 5: must
 * be a string`. */
int schema_check_types(const struct schema *schema, const json_t *object,
                       struct err *err) MOT_NODISCARD;

#endif
