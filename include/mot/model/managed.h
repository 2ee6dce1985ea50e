/*
 * Field ownership: metadata.managedFields as structured-merge-diff keeps it, and server-side apply.
 * Works on decoded objects; knows a kind only by its schema. Everything here is pure: no clock, no
 * IO.
 *
 * Objects that are given as "live" and "config" are only read; results share nothing with them. A
 * live object is what a read answers (pruned and defaulted), in the version of the request.
 */
#ifndef MOT_MODEL_MANAGED_H
#define MOT_MODEL_MANAGED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/err.h>

/* How fields merge, from a CRD's openAPIV3Schema. Immutable; any thread. */
struct field_types;
struct field_types *field_types_compile(const json_t *open_api, struct err *err) MOT_NODISCARD;
void field_types_free(struct field_types *types);
/* Of an autoscaling/v1 Scale; static. */
const struct field_types *field_types_of_scale(void);

/* Another version of the same kind: objects look the same in all of them. */
struct managed_version {
    const char *api_version;
    const struct field_types *types;
};

/* Who writes, and where. */
struct managed_writer {
    const struct field_types *types;
    const char *api_version; /* of the request's kind: "mot.dev/v1alpha1" */
    const char *kind;        /* "Deployment", for messages */
    const char *manager;     /* fieldManager, checked and never empty */
    const char *subresource; /* "" on the main path, "status", "scale" */
    bool has_status; /* the kind has a status subresource: neither path owns the other's fields */
    int64_t now_s;   /* wall clock */
    /* The other versions that the kind is served in. An entry of any other version disappears, and
     * in a write that is no apply all others with it. */
    const struct managed_version *versions;
    size_t version_count;
};

/*
 * A write that is no apply (POST, PUT, merge and JSON patch). @object is the new state, pruned and
 * defaulted, and may carry the managedFields that the client sent; @live is the stored one, NULL on
 * a create. Sets or removes metadata.managedFields of @object. Never fails: what can't be typed, or
 * has an entry of an unknown version, loses its managers.
 */
void managed_update(const struct managed_writer *writer, const json_t *live, json_t *object);

/*
 * The last step of every update: when @object differs from @live in nothing but the times of its
 * managedFields (and its resourceVersion), it gets the old times back, so that a write that changes
 * nothing stores nothing.
 */
void managed_keep_times(const json_t *live, json_t *object);

struct managed_conflict {
    char *manager; /* as Kubernetes says it: `"kubectl"`, `"x" with subresource "status" using
                      mot.dev/v1alpha1` */
    char *field;   /* ".spec.regions[name=\"us\"].weight" */
};
struct managed_conflicts {
    struct managed_conflict *items; /* sorted by manager, then by path */
    size_t count;
    char *misfit; /* ERR_INVALID: all that does not fit, up to 64 KiB, of which the error has the
                     beginning; or NULL */
};
void managed_conflicts_release(struct managed_conflicts *conflicts);
/* `Apply failed with 1 conflict: conflict with "kubectl": .spec.image`; free() it. */
char *managed_conflicts_message(const struct managed_conflicts *conflicts) MOT_NODISCARD;

/*
 * Server-side apply of @config, as the client sent it, onto @live (NULL: it is to be created). The
 * result in *ret_object carries its managedFields; it is neither defaulted nor validated yet.
 * @ret_changed: whether the merged object differs from @live in more than its managedFields; only
 * then defaults are to be filled in. (kubectl's annotation may be renewed although it does not.)
 * The body of the request must not have managedFields; here they are ignored. Errors: ERR_CONFLICT
 * with *ret_conflicts filled in (release it in any case); ERR_INVALID, perhaps with more text than
 * @err holds in ret_conflicts->misfit: @config (or @live) does not fit the schema: `failed to
 * create typed patch object (ns/name; …): .spec.x: field not declared in schema`, which the real
 * server answers with a 500.
 */
int managed_apply(const struct managed_writer *writer, const json_t *live, const json_t *config,
                  bool force, json_t **ret_object, bool *ret_changed,
                  struct managed_conflicts *ret_conflicts, struct err *err) MOT_NODISCARD;

/*
 * What a scale subresource shows and takes back: the parent's managers of the replicas field as
 * entries of an autoscaling/v1 Scale, and the parent's list after a write through /scale. New
 * references, NULL for none. @replicas_path: "spec.replicas". In between, managed_update on the
 * Scale itself, by a writer with field_types_of_scale(), "autoscaling/v1", "Scale", and the
 * subresource "scale", says who owns the number now. @writer of managed_from_scale is the parent's.
 */
json_t *managed_to_scale(const json_t *parent, const char *replicas_path) MOT_NODISCARD;
json_t *managed_from_scale(const struct managed_writer *writer, const json_t *parent,
                           const json_t *scale_entries, const char *replicas_path) MOT_NODISCARD;

/* fieldManager or, when that is empty, from the User-Agent: the text before the first '/',
 * printable, at most 128 bytes, "unknown" when nothing is left. free() it. */
char *managed_manager_name(const char *field_manager, const char *user_agent) MOT_NODISCARD;

#endif
