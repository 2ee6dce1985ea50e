/*
 * How the values of a kind merge: a graph of types made from its schema. A type says for each shape
 * that a value may have (scalar, list, map) how it is treated; free-form data has all three.
 */
#ifndef MOT_MODEL_MANAGED_FIELD_TYPES_H
#define MOT_MODEL_MANAGED_FIELD_TYPES_H

#include <jansson.h>
#include <stddef.h>

#include <mot/model/managed.h>

enum scalar_type { SCALAR_NONE = 0, SCALAR_NUMERIC, SCALAR_STRING, SCALAR_BOOLEAN, SCALAR_ANY };

/* ATOMIC: one value, owned as a whole. GRANULAR: its members are owned one by one. */
enum container_type { CONTAINER_NONE = 0, CONTAINER_ATOMIC, CONTAINER_GRANULAR };

struct field_type;

struct type_field {
    const char *name;
    const struct field_type *type;
};

struct list_key {
    const char *name;
    const json_t *fallback; /* what a missing key counts as; NULL: it is left out */
};

struct field_type {
    enum scalar_type scalar;
    enum container_type list;
    enum container_type map;
    const struct list_key *keys;        /* of a granular list of maps; none: it is a set */
    const struct list_key *sorted_keys; /* the same by name */
    size_t key_count;
    const struct field_type *items;  /* of lists */
    const struct type_field *fields; /* sorted by name */
    size_t field_count;
    const struct field_type *element; /* of undeclared members; NULL: there may be none */
};

/* The shapes, in the order of precedence when a value does not decide. */
enum shape { SHAPE_MAP = 1, SHAPE_SCALAR = 2, SHAPE_LIST = 4 };

/* The shapes that are left for @value: the one it has, or all of the type for null, NULL and what
 * does not fit. */
unsigned type_shapes(const struct field_type *type, const json_t *value);
/* The first of several. */
enum shape first_shape(unsigned shapes);

/* NULL when it is not declared. */
const struct field_type *type_declared(const struct field_type *type, const char *name);
/* Of a member, declared or not; NULL when there may be none of that name. */
const struct field_type *type_member(const struct field_type *type, const char *name);

/* The root of a kind. */
const struct field_type *field_types_root(const struct field_types *types);

/* What is the same everywhere. */
extern const struct field_type type_string;
extern const struct field_type type_object_meta;
/* Data that no schema describes: maps are granular, lists atomic. */
extern const struct field_type type_deduced;
/* The same inside atomic lists. */
extern const struct field_type type_untyped;
/* An autoscaling/v1 Scale. */
extern const struct field_type type_scale;

#endif
