/*
 * Sets of field paths, as tries. Immutable; they live in an arena and share subtrees. NULL is the
 * empty set; no set holds a node without members.
 */
#ifndef MOT_MODEL_MANAGED_FIELD_SET_H
#define MOT_MODEL_MANAGED_FIELD_SET_H

#include <stdbool.h>
#include <stddef.h>

#include <mot/base/arena.h>
#include <mot/base/buf.h>

#include "field_types.h"

/* The most that one call may take: inputs are bounded long before. */
#define MANAGED_BYTES ((size_t)2 << 30)
/* Paths longer than this are owned as a whole: what is printed must be readable as JSON again. */
#define FIELD_DEPTH_MAX 88

/*
 * One step of a path. kind 'f': a member, text is its name; 'k': an item of a list of maps, text is
 * the canonical JSON object of its keys; 'v': an item of a set, text is its canonical JSON; 'i': an
 * index. Borrowed texts.
 */
struct path_element {
    const char *text;
    char kind;
    bool is_read; /* from managedFields, where all numbers are floats */
};

struct field_set;
struct field_entry {
    struct path_element element;
    const struct field_set *set; /* never NULL */
};
struct field_set {
    bool member; /* the path that leads here is in the set */
    size_t count;
    const struct field_entry *entries; /* in the order of their wire form */
};

/* A member without children. */
extern const struct field_set field_leaf;

/* In the order of the wire form: bytewise. */
int path_element_compare(const struct path_element *a, const struct path_element *b);

/* ---- building ---- */

struct set_builder {
    struct arena *arena;
    struct field_entry *entries;
    size_t count;
    size_t capacity;
};
/* @set may be NULL: nothing is added. */
void set_builder_add(struct set_builder *builder, struct path_element element,
                     const struct field_set *set);
/* A node of what was added, in any order; NULL when it is empty. */
const struct field_set *set_builder_finish(struct set_builder *builder, bool member);
/* The same node as a member. @set may be NULL. */
const struct field_set *field_set_as_member(struct arena *arena, const struct field_set *set);

/* ---- algebra ---- */

const struct field_set *field_set_union(struct arena *arena, const struct field_set *a,
                                        const struct field_set *b);
/* With the elements of @a. */
const struct field_set *field_set_intersect(struct arena *arena, const struct field_set *a,
                                            const struct field_set *b);
/* Members only: what is below a path that is taken away stays. */
const struct field_set *field_set_subtract(struct arena *arena, const struct field_set *a,
                                           const struct field_set *b);
/* Without all that is at and below the top-level field @name. */
const struct field_set *field_set_without(struct arena *arena, const struct field_set *set,
                                          const char *name);
/* NULL when it is not there. */
const struct field_set *field_set_find(const struct field_set *set,
                                       const struct path_element *element);
bool field_set_equal(const struct field_set *a, const struct field_set *b);
/* A single path of field names: "spec.replicas". */
const struct field_set *field_set_path(struct arena *arena, const char *path);
/* The same plus, for each node with children that is a declared field, the node itself. */
const struct field_set *field_set_named(struct arena *arena, const struct field_set *set,
                                        const struct field_type *type);
/* After a field has become atomic: whoever owned a part of it owns it all. */
const struct field_set *field_set_reconcile(struct arena *arena, const struct field_set *set,
                                            const struct field_type *type);

/* ---- texts ---- */

/* The canonical JSON of the key or of the item of a set. */
char *canonical_text(struct arena *arena, const json_t *value);
/* Whether @text stands in JSON as it is. */
bool is_plain_text(const char *text);
/* "f:a", "k:{…}": 0; 1 when its kind is unknown; -1 when it is malformed. */
int path_element_parse(struct arena *arena, const char *text, struct path_element *ret_element);
void path_element_print(struct buf *buf, const struct path_element *element);
/* As messages show it: `.spec`, `[name="us"]`, `[="a"]`. */
void path_element_show(struct buf *buf, const struct path_element *element);
/*
 * All members as messages show them, in the order of typed comparison: at each level first the
 * members, then what is below.
 */
void field_set_show(const struct field_set *set, void (*each)(const char *path, void *context),
                    void *context);

/* ---- FieldsV1 ---- */

/* -1 when it is malformed. *ret_set is NULL for an empty one. Borrows the keys of @json. */
int fields_v1_parse(struct arena *arena, const json_t *json, const struct field_set **ret_set);
/* A new reference. */
json_t *fields_v1_print(const struct field_set *set) MOT_NODISCARD;

#endif
