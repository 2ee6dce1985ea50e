/*
 * The walks over values by their types. A value that is not there is NULL; null is a value. All are
 * bounded by the nesting of what they are given, which callers hold to MODEL_DEPTH_MAX.
 */
#ifndef MOT_MODEL_MANAGED_WALKS_H
#define MOT_MODEL_MANAGED_WALKS_H

#include <jansson.h>
#include <stdbool.h>

#include "field_set.h"
#include "field_types.h"

/* ---- items of granular lists ---- */

struct list_item {
    struct path_element element;
    const json_t *value;
    size_t index; /* in the list */
};
/* The items of a granular list by their path elements, equal ones in the order of the list. */
struct list_items {
    struct list_item *sorted;
    size_t count;
};
/* What can't be addressed is left out: a list that was checked has none of it. */
struct list_items list_items_index(struct arena *arena, const struct field_type *type,
                                   const json_t *list);
/* 0, or -1 with *ret_problem why @value can't be addressed (static, or in the arena). */
int list_item_element(struct arena *arena, const struct field_type *type, const json_t *value,
                      struct path_element *ret_element, const char **ret_problem);
/* Items with the same element as that at @from, it included. */
size_t list_items_run(const struct list_items *items, size_t from);

/* ---- values ---- */

/* Deeply equal; numbers numerically. */
bool value_equal(const json_t *a, const json_t *b);
/* Null, another shape, or without members. */
bool is_empty_map(const json_t *value);
bool is_empty_list(const json_t *value);
/* Whether @value, as @shape of @type, is one thing: scalars and atomic containers. */
bool is_whole(const struct field_type *type, enum shape shape, int depth);

/* ---- walks ---- */

/*
 * Whether @value fits @type: 0, or -1. Adds to @problems (NULL: nobody wants to know)
 * `.spec.x: field not declared in schema`, or "errors:" and a line for each.
 */
int typed_check(const struct field_type *type, const json_t *value, bool allow_duplicates,
                struct buf *problems) MOT_NODISCARD;

/* The paths that an apply of @value owns. */
const struct field_set *field_set_of(struct arena *arena, const struct field_type *type,
                                     const json_t *value);

struct comparison {
    const struct field_set *removed;
    const struct field_set *modified;
    const struct field_set *added;
};
struct comparison compare_values_typed(struct arena *arena, const struct field_type *type,
                                       const json_t *old, const json_t *new);

/* @config on top of @live. A new reference that shares parts with both; NULL when nothing is left.
 */
json_t *merge_values(struct arena *arena, const struct field_type *type, const json_t *live,
                     const json_t *config) MOT_NODISCARD;

/* @value without the paths of @set: null where a container has nothing left. A new reference that
 * shares parts with @value. */
json_t *remove_fields(struct arena *arena, const struct field_type *type, const json_t *value,
                      const struct field_set *set) MOT_NODISCARD;

#endif
