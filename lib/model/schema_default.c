#include "schema_internal.h"

static bool is_refused_null(const json_t *value, const struct node *node)
{
    return json_is_null(value) && node && !node->nullable;
}

static json_t *copy_of_default(const struct node *node)
{
    return node->fallback ? json_deep_copy(node->fallback) : json_null();
}

static void fill(json_t *value, const struct node *node);

static void fill_object(json_t *object, const struct node *node)
{
    const char *key;
    json_t *value;
    for (size_t i = 0; i < node->property_count; i++) {
        const struct property *property = &node->properties[i];
        if (!property->node->fallback)
            continue;
        const json_t *present = json_object_get(object, property->name);
        if (!present || is_refused_null(present, property->node))
            json_object_set_new(object, property->name, copy_of_default(property->node));
    }
    json_object_foreach(object, key, value)
    {
        const struct node *property = node_property(node, key);
        if (!property && is_refused_null(value, node->additional_node)) {
            value = copy_of_default(node->additional_node);
            json_object_set_new(object, key, value);
        }
        fill(value, property ? property : node->additional_node);
    }
}

static void fill_array(json_t *array, const struct node *items)
{
    size_t index;
    json_t *value;
    json_array_foreach(array, index, value)
    {
        if (is_refused_null(value, items)) {
            value = copy_of_default(items);
            json_array_set_new(array, index, value);
        }
        fill(value, items);
    }
}

static void fill(json_t *value, const struct node *node)
{
    if (!node || !node->has_defaults)
        return;
    if (json_is_object(value))
        fill_object(value, node);
    else if (json_is_array(value) && node->items)
        fill_array(value, node->items);
}

void fill_defaults(json_t *value, const struct node *node)
{
    fill(value, node);
}

void schema_default(const struct schema *schema, json_t *object)
{
    fill(object, schema->root);
}
