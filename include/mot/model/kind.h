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

struct printer_column {
    const char *name;
    const char *type;        /* string, integer, number, boolean, date */
    const char *format;      /* "" */
    const char *description; /* "" */
    int priority;
    const char *json_path; /* ".spec.replicas" */
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
    const char *const
        *selectable_fields; /* paths without leading dot, besides metadata.name/.namespace */
    bool namespaced;
    bool has_status; /* a status subresource */
    const struct printer_column *columns;
    size_t column_count;
    struct schema *schema; /* of the whole object */
    json_t *definition;    /* the CRD itself */
};

struct kinds;
/* The embedded ones. */
struct kinds *kinds_load(struct err *err) MOT_NODISCARD;
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
