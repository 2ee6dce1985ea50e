/*
 * Kinds are data. Each file in schemas/kinds/ is a Kubernetes CustomResourceDefinition (the core
 * group's kinds have group ""); the build embeds them, and everything about a kind comes from
 * there. Immutable after loading; any thread.
 */
#ifndef MOT_MODEL_KIND_H
#define MOT_MODEL_KIND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>
#include <mot/model/schema.h>

struct field_types;

struct printer_column {
    const char *name;
    const char *type;        /* string, integer, number, boolean, date */
    const char *format;      /* "" */
    const char *description; /* "" */
    int priority;
    const char *json_path; /* ".spec.replicas" */
};

/* Where a kind with a scale subresource keeps its numbers: paths without leading dot. */
struct kind_scale {
    const char *spec_replicas;   /* "spec.replicas" */
    const char *status_replicas; /* "status.replicas" */
    const char *label_selector;  /* a text in the status; "" when there is none */
};

struct kind {
    const char *resource; /* the store's name for it: "deployments.mot.dev", "namespaces" */
    const char *group;    /* "" for the core group */
    const char *version;
    const char *api_version; /* "mot.dev/v1alpha1", "v1" */
    const char *kind;
    const char *list_kind;
    const char *plural;
    const char *singular;
    const char *const *short_names; /* NULL-terminated, as the next ones */
    const char *const *categories;
    /* Besides metadata.name/.namespace: as object_selectable() takes them. One with alternatives
     * stands in an annotation: mot.dev/selectable-field. */
    const char *const *selectable_fields;
    bool namespaced;
    bool has_status;   /* a status subresource */
    bool has_scale;    /* a scale subresource */
    bool has_finalize; /* a finalize subresource, mot.dev/finalize: "true" */
    struct kind_scale scale;
    /* What kinds of Kubernetes itself do differently stands in annotations of their definition: */
    bool has_generation;       /* not with mot.dev/generation: "false" */
    bool unconditional_update; /* mot.dev/unconditional-update: "true": PUT without resourceVersion
                                */
    bool is_review; /* mot.dev/review: "true": is answered and never stored; create is its only verb
                     */
    /* mot.dev/view-of: "events": the same stored objects as that resource, with other names for the
     * top-level fields; "" for all others. mot.dev/view-fields:
     * "note=message,regarding=involvedObject": this kind's name = the stored one's. */
    const char *view_of;
    const char *view_fields;
    const struct kind *stored; /* of a view: the kind that it is a view of; else NULL */
    const struct printer_column *columns;
    size_t column_count;
    struct schema *schema;     /* of the whole object */
    struct field_types *types; /* how its fields merge: mot/model/managed.h */
    json_t *definition;        /* the CRD itself */
};

/* The kind whose objects are in the store: for all but views it is @kind itself. */
static inline const struct kind *kind_stored(const struct kind *kind)
{
    return kind->stored ? kind->stored : kind;
}

struct kinds;
/* The embedded ones. */
struct kinds *kinds_load(struct err *err) MOT_NODISCARD;
/* The embedded ones and those of @files, for trying out a kind. */
struct kind_file {
    const char *name; /* for messages */
    char *text;       /* YAML: one or more CRDs; only read */
    size_t len;
};
struct kinds *kinds_load_with(const struct kind_file *files, size_t count,
                              struct err *err) MOT_NODISCARD;
/* The same with all *.yaml of a folder; NULL: the embedded ones. */
struct kinds *kinds_load_folder(const char *folder, struct err *err) MOT_NODISCARD;
/* From CRD documents (tests). */
struct kinds *kinds_parse(const char *const *texts, size_t count, struct err *err) MOT_NODISCARD;
void kinds_free(struct kinds *kinds);
/* In a stable order: core first, then by group, version, plural. */
size_t kinds_count(const struct kinds *kinds);
const struct kind *kinds_at(const struct kinds *kinds, size_t index);
/* By group, version and plural; NULL when unknown. */
const struct kind *kinds_find(const struct kinds *kinds, const char *group, const char *version,
                              const char *plural);
/* By group, version and Kind. */
const struct kind *kinds_find_kind(const struct kinds *kinds, const char *api_version,
                                   const char *kind);
/* As a user types it: plural, singular, short name, "deployments.mot.dev", any case; NULL when
 * unknown. */
const struct kind *kinds_resolve(const struct kinds *kinds, const char *word);

#endif
