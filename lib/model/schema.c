/* What is checked of an object, in the order of the real server. */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include "schema_internal.h"

/* Duplicates are checked unless there were any before. */
static void validate_new_duplicates(const struct node *node, const json_t *value, const json_t *old,
                                    struct field_errors *errors)
{
    struct field_errors before = {.max = 1};
    validate_lists(node, old, &before);
    if (before.count == 0)
        validate_lists(node, value, errors);
    field_errors_release(&before);
}

void schema_validate(const struct schema *schema, const json_t *object, struct field_errors *errors)
{
    validate_metadata(object, schema->name_format, errors);
    validate_values(schema->root, object, NULL, errors);
    validate_scale(schema, object, false, errors);
    validate_embedded(schema->root, object, errors);
    validate_lists(schema->root, object, errors);
}

static void validate_both_metadata(const json_t *object, const json_t *old,
                                   struct field_errors *errors)
{
    size_t before = errors->count;
    validate_metadata(object, NAME_PATH_SEGMENT, errors);
    validate_metadata_update(object, old, errors->count == before, errors);
}

void schema_validate_update(const struct schema *schema, const json_t *object, const json_t *old,
                            struct field_errors *errors)
{
    validate_both_metadata(object, old, errors);
    validate_values(schema->root, object, old, errors);
    validate_scale(schema, object, false, errors);
    validate_embedded(schema->root, object, errors);
    validate_new_duplicates(schema->root, object, old, errors);
}

/* The real server validates the value of status by itself and puts the field's prefix back
 * afterwards. */
static void validate_status(const struct schema *schema, const json_t *object, const json_t *old,
                            struct field_errors *errors)
{
    const struct node *node = node_property(schema->root, "status");
    const json_t *status = json_object_get(object, "status");
    struct field_errors found = {.max = errors->max};
    if (node && status)
        validate_values(node, status, json_object_get(old, "status"), &found);
    field_errors_prefix(&found, "status");
    field_errors_merge(errors, &found);
    validate_scale(schema, object, true, errors);
    if (node && status)
        validate_new_duplicates(schema->root, object, old, errors);
}

void schema_validate_status(const struct schema *schema, const json_t *object,
                            struct field_errors *errors)
{
    validate_metadata(object, schema->name_format, errors);
    validate_status(schema, object, NULL, errors);
}

void schema_validate_status_update(const struct schema *schema, const json_t *object,
                                   const json_t *old, struct field_errors *errors)
{
    validate_both_metadata(object, old, errors);
    validate_status(schema, object, old, errors);
}
