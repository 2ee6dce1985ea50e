/* The entries of metadata.managedFields, and what the calls of mot/model/managed.h share. */
#ifndef MOT_MODEL_MANAGED_MANAGERS_H
#define MOT_MODEL_MANAGED_MANAGERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "field_set.h"
#include "walks.h"

/* Whoever owns something of an object. */
struct manager {
    const char *name;
    const char *api_version;
    const char *subresource; /* "" */
    const char *identity;    /* JSON text: what makes two entries the same */
    bool is_applier;
    bool has_time;
    int64_t time_s;
    const struct field_set *fields;
};

struct managers {
    struct arena *arena;
    struct manager *items; /* in no order, no identity twice */
    size_t count;
    size_t capacity;
};

/* -1 when @entries can't be understood. Borrows its texts. */
int managers_parse(struct managers *managers, const json_t *entries) MOT_NODISCARD;
/* As they are stored; NULL when there are none. A new reference. */
json_t *managers_print(const struct managers *managers) MOT_NODISCARD;
struct managers managers_copy(const struct managers *managers);
/* Sets what makes it the same as others. */
void manager_identify(struct arena *arena, struct manager *manager);
/* NULL when there is none. */
struct manager *managers_find(const struct managers *managers, const char *identity);
struct manager *managers_add(struct managers *managers, const struct manager *manager);
/* Those who own nothing any more. */
void managers_drop_empty(struct managers *managers);
/* Joins the oldest updaters until there are at most ten. */
void managers_cap(struct managers *managers);

/* One call. */
struct managed_call {
    const struct managed_writer *writer;
    struct arena *arena;
    struct managers managers;
    char *misfit; /* why an object does not fit the types; NULL */
};

/* The writer as the manager of its request. */
struct manager writer_manager(const struct managed_call *call, bool is_applier);
/* NULL when the kind is not served in that version. */
const struct field_type *writer_types(const struct managed_writer *writer, const char *api_version);
/* Drops those of unknown versions, and adapts the others to the types of today. */
void reconcile_managers(struct managed_call *call);
/* Without what the writer's endpoint may not own. */
const struct field_set *without_reset(const struct managed_call *call,
                                      const struct field_set *fields);
/* Without what nobody owns: names, versions, what the server sets. */
const struct field_set *without_meta(struct arena *arena, const struct field_set *fields);
/* What each version's managers see of a change. */
struct comparison writer_comparison(const struct managed_call *call, const char *api_version,
                                    const json_t *old, const json_t *new);
/*
 * Whether @object fits the types. ERR_INVALID with `failed to WHAT object (NAME)HOW: .spec.x: …`,
 * and all of it in call->misfit, unless @err is NULL. @allow_duplicates: in lists that are maps.
 */
int check_object(struct managed_call *call, const json_t *object, bool allow_duplicates,
                 const char *what, const char *how, struct err *err) MOT_NODISCARD;
/* Puts "prefix: " before both. Returns -1. */
int wrap_misfit(struct managed_call *call, const char *prefix, struct err *err);
/* How messages name the object: "default/web; mot.dev/v1alpha1, Kind=Deployment"; free() it. */
char *object_title(const struct managed_writer *writer, const json_t *object);
/* A new reference to the object without its managedFields; shares the rest. */
json_t *without_managers(const json_t *object);
/* Puts them into the object, or takes them out. */
void set_managers(json_t *object, const struct managers *managers);

/*
 * The managers after a write of @new over @old (NULL: nothing was there), both without
 * managedFields, by an updater called @name. An error means that one of both does not fit the
 * types.
 */
int update_managers(struct managed_call *call, const json_t *old, const json_t *new,
                    const char *name, struct err *err) MOT_NODISCARD;

#endif
