/* The types that are the same in each kind: metadata, and data without a schema. */
#include <mot/base/mem.h>

#include "field_types.h"

const struct field_type type_string = {.scalar = SCALAR_STRING};
static const struct field_type type_numeric = {.scalar = SCALAR_NUMERIC};
static const struct field_type type_boolean = {.scalar = SCALAR_BOOLEAN};
/* Times: whether they are well-formed is for the validation to say. */
static const struct field_type type_time = {.scalar = SCALAR_ANY};

const struct field_type type_untyped = {
    .scalar = SCALAR_ANY,
    .list = CONTAINER_ATOMIC,
    .map = CONTAINER_ATOMIC,
    .items = &type_untyped,
    .element = &type_untyped,
};
const struct field_type type_deduced = {
    .scalar = SCALAR_ANY,
    .list = CONTAINER_ATOMIC,
    .map = CONTAINER_GRANULAR,
    .items = &type_untyped,
    .element = &type_deduced,
};

static const struct field_type string_map = {.map = CONTAINER_GRANULAR, .element = &type_string};
static const struct field_type string_set = {.list = CONTAINER_GRANULAR, .items = &type_string};
static const struct field_type any_list = {.list = CONTAINER_ATOMIC, .items = &type_untyped};

static const struct type_field owner_fields[] = {
    {"apiVersion", &type_string},  {"blockOwnerDeletion", &type_boolean},
    {"controller", &type_boolean}, {"kind", &type_string},
    {"name", &type_string},        {"uid", &type_string},
};
static const struct field_type owner = {
    .map = CONTAINER_ATOMIC,
    .fields = owner_fields,
    .field_count = MOT_ARRAY_SIZE(owner_fields),
};
static const struct list_key owner_keys[] = {{"uid", NULL}};
static const struct field_type owner_list = {
    .list = CONTAINER_GRANULAR,
    .keys = owner_keys,
    .sorted_keys = owner_keys,
    .key_count = 1,
    .items = &owner,
};

static const struct type_field meta_fields[] = {
    {"annotations", &string_map},
    {"creationTimestamp", &type_time},
    {"deletionGracePeriodSeconds", &type_numeric},
    {"deletionTimestamp", &type_time},
    {"finalizers", &string_set},
    {"generateName", &type_string},
    {"generation", &type_numeric},
    {"labels", &string_map},
    {"managedFields", &any_list},
    {"name", &type_string},
    {"namespace", &type_string},
    {"ownerReferences", &owner_list},
    {"resourceVersion", &type_string},
    {"selfLink", &type_string},
    {"uid", &type_string},
};
const struct field_type type_object_meta = {
    .map = CONTAINER_GRANULAR,
    .fields = meta_fields,
    .field_count = MOT_ARRAY_SIZE(meta_fields),
};

/* autoscaling/v1 */
static const struct type_field scale_spec_fields[] = {{"replicas", &type_numeric}};
static const struct field_type scale_spec = {
    .map = CONTAINER_GRANULAR, .fields = scale_spec_fields, .field_count = 1};
static const struct type_field scale_status_fields[] = {{"replicas", &type_numeric},
                                                        {"selector", &type_string}};
static const struct field_type scale_status = {
    .map = CONTAINER_GRANULAR, .fields = scale_status_fields, .field_count = 2};
static const struct type_field scale_fields[] = {{"apiVersion", &type_string},
                                                 {"kind", &type_string},
                                                 {"metadata", &type_object_meta},
                                                 {"spec", &scale_spec},
                                                 {"status", &scale_status}};
const struct field_type type_scale = {
    .map = CONTAINER_GRANULAR, .fields = scale_fields, .field_count = MOT_ARRAY_SIZE(scale_fields)};
