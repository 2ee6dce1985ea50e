#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "schema_internal.h"

static struct node *compile(const json_t *json, int depth, struct err *err);

/* ---- release ---- */

static void node_free(struct node *node);

static void node_list_release(struct node_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        node_free(list->items[i]);
    free(list->items);
}

static void name_list_release(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
}

static void node_free(struct node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->property_count; i++) {
        free(node->properties[i].name);
        node_free(node->properties[i].node);
    }
    free(node->properties);
    node_free(node->additional_node);
    node_free(node->items);
    node_free(node->not_node);
    node_list_release(&node->all_of);
    node_list_release(&node->any_of);
    node_list_release(&node->one_of);
    name_list_release(&node->required);
    name_list_release(&node->map_keys);
    if (node->regex)
        regfree(node->regex);
    free(node->regex);
    free(node->pattern);
    free(node->format);
    json_decref(node->fallback);
    json_decref(node->choices);
    free(node);
}

void schema_free(struct schema *schema)
{
    if (!schema)
        return;
    node_free(schema->root);
    free(schema->scale_spec);
    free(schema->scale_status);
    free(schema->scale_selector);
    free(schema);
}

/* ---- look-up ---- */

const struct node *node_property(const struct node *node, const char *name)
{
    size_t low = 0;
    size_t high = node->property_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, node->properties[middle].name);
        if (order == 0)
            return node->properties[middle].node;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct node *node_member(const struct node *node, const char *name)
{
    const struct node *found = node_property(node, name);
    return found ? found : node->additional_node;
}

const struct node *node_at(const struct node *node, const char *path)
{
    while (node && *path) {
        size_t len = strcspn(path, ".");
        AUTO_FREE char *name = mem_strndup(path, len);
        node = node_property(node, name);
        path += len + (path[len] == '.');
    }
    return node;
}

const char *schema_type_at(const struct schema *schema, const char *path)
{
    const struct node *node = node_at(schema->root, path);
    return node ? type_name(node->type) : NULL;
}

/* ---- compilation ---- */

static struct bound read_bound(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    return (struct bound){json_is_number(value), json_number_value(value)};
}

static struct limit read_limit(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    return (struct limit){json_is_integer(value), json_integer_value(value)};
}

static bool read_flag(const json_t *json, const char *key)
{
    return json_is_true(json_object_get(json, key));
}

static void read_names(const json_t *array, struct name_list *names)
{
    size_t index;
    json_t *item;
    names->items = mem_array(json_array_size(array) + 1, sizeof(char *));
    json_array_foreach(array, index, item)
    {
        if (json_is_string(item))
            names->items[names->count++] = mem_strdup(json_string_value(item));
    }
}

const char *type_name(enum schema_type type)
{
    static const char *const names[] = {"",        "object", "array",   "string",
                                        "integer", "number", "boolean", "integer,string"};
    return names[type];
}

static int read_type(const json_t *json, struct node *node, struct err *err)
{
    const char *text = json_at_text(json, "type");
    if (read_flag(json, "x-kubernetes-int-or-string"))
        node->type = TYPE_INT_OR_STRING;
    if (!text || node->type == TYPE_INT_OR_STRING)
        return 0;
    for (enum schema_type type = TYPE_OBJECT; type <= TYPE_BOOLEAN; type++) {
        if (strcmp(type_name(type), text) == 0) {
            node->type = type;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "unknown type \"%s\"", text);
}

static int read_list_type(const json_t *json, struct node *node, struct err *err)
{
    const char *text = json_object_get(json, "x-kubernetes-list-type")
                           ? json_string_value(json_object_get(json, "x-kubernetes-list-type"))
                           : NULL;
    read_names(json_object_get(json, "x-kubernetes-list-map-keys"), &node->map_keys);
    if (!text || strcmp(text, "atomic") == 0)
        return 0;
    if (strcmp(text, "set") == 0) {
        node->list_type = LIST_SET;
        return 0;
    }
    if (strcmp(text, "map") == 0 && node->map_keys.count > 0) {
        node->list_type = LIST_MAP;
        return 0;
    }
    return err_set(err, ERR_INVALID, "x-kubernetes-list-type \"%s\" is unknown or lacks keys",
                   text);
}

static int read_pattern(const json_t *json, struct node *node, struct err *err)
{
    const char *text = json_at_text(json, "pattern");
    if (!text || *text == '\0')
        return 0;
    int flags = 0;
    AUTO_FREE char *posix = translate_pattern(text, &flags, err);
    if (!posix)
        return err_wrap(err, "pattern %s", text);
    regex_t regex;
    int code = regcomp(&regex, posix, flags);
    if (code != 0) {
        char what[128];
        regerror(code, &regex, what, sizeof(what));
        return err_set(err, ERR_INVALID, "pattern %s: %s", text, what);
    }
    node->pattern = mem_strdup(text);
    node->regex = mem_alloc(sizeof(regex));
    *node->regex = regex;
    return 0;
}

static void read_numbers(const json_t *json, struct node *node)
{
    node->minimum = read_bound(json, "minimum");
    node->maximum = read_bound(json, "maximum");
    node->multiple_of = read_bound(json, "multipleOf");
    node->exclusive_minimum = read_flag(json, "exclusiveMinimum");
    node->exclusive_maximum = read_flag(json, "exclusiveMaximum");
    node->min_length = read_limit(json, "minLength");
    node->max_length = read_limit(json, "maxLength");
    node->min_items = read_limit(json, "minItems");
    node->max_items = read_limit(json, "maxItems");
    node->min_properties = read_limit(json, "minProperties");
    node->max_properties = read_limit(json, "maxProperties");
}

static void read_values(const json_t *json, struct node *node)
{
    const json_t *fallback = json_object_get(json, "default");
    const json_t *choices = json_object_get(json, "enum");
    const char *format = json_at_text(json, "format");
    node->nullable = read_flag(json, "nullable");
    node->preserve_unknown = read_flag(json, "x-kubernetes-preserve-unknown-fields");
    node->embedded_resource = read_flag(json, "x-kubernetes-embedded-resource");
    if (fallback && !json_is_null(fallback))
        node->fallback = json_deep_copy(fallback);
    if (json_array_size(choices) > 0)
        node->choices = json_deep_copy(choices);
    node->check_format = format ? find_format_check(format) : NULL;
    if (node->check_format)
        node->format = mem_strdup(format);
    read_names(json_object_get(json, "required"), &node->required);
}

static int compile_into(struct node **slot, const json_t *json, int depth, const char *where,
                        struct err *err)
{
    if (!json)
        return 0;
    *slot = compile(json, depth, err);
    return *slot ? 0 : err_wrap(err, "%s", where);
}

static int compile_list(struct node_list *list, const json_t *array, int depth, const char *where,
                        struct err *err)
{
    size_t index;
    json_t *item;
    list->items = mem_array(json_array_size(array) + 1, sizeof(struct node *));
    json_array_foreach(array, index, item)
    {
        if (compile_into(&list->items[list->count++], item, depth, where, err) != 0)
            return -1;
    }
    return 0;
}

static int compile_properties(struct node *node, const json_t *json, int depth, struct err *err)
{
    const json_t *properties = json_object_get(json, "properties");
    size_t count = json_object_size(properties);
    struct json_entry *entries = json_sorted_entries(properties);
    int result = 0;
    node->properties = mem_array(count + 1, sizeof(*node->properties));
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct property *property = &node->properties[node->property_count++];
        property->name = mem_strdup(entries[i].key);
        result = compile_into(&property->node, entries[i].value, depth, entries[i].key, err);
    }
    free(entries);
    return result;
}

static int compile_additional(struct node *node, const json_t *json, int depth, struct err *err)
{
    const json_t *value = json_object_get(json, "additionalProperties");
    if (!value)
        return 0;
    if (json_is_boolean(value)) {
        node->additional = json_is_true(value) ? ADDITIONAL_TRUE : ADDITIONAL_FALSE;
        return 0;
    }
    node->additional = ADDITIONAL_SCHEMA;
    return compile_into(&node->additional_node, value, depth, "additionalProperties", err);
}

static int compile_children(struct node *node, const json_t *json, int depth, struct err *err)
{
    if (compile_properties(node, json, depth, err) != 0 ||
        compile_additional(node, json, depth, err) != 0)
        return -1;
    if (compile_into(&node->items, json_object_get(json, "items"), depth, "items", err) != 0 ||
        compile_into(&node->not_node, json_object_get(json, "not"), depth, "not", err) != 0)
        return -1;
    if (compile_list(&node->all_of, json_object_get(json, "allOf"), depth, "allOf", err) != 0 ||
        compile_list(&node->any_of, json_object_get(json, "anyOf"), depth, "anyOf", err) != 0)
        return -1;
    return compile_list(&node->one_of, json_object_get(json, "oneOf"), depth, "oneOf", err);
}

/* So that the passes skip whole subtrees. */
static void note_child(struct node *node, const struct node *child)
{
    if (!child)
        return;
    node->has_defaults |= child->has_defaults || child->fallback;
    node->has_lists |= child->has_lists || child->list_type != LIST_ATOMIC;
    node->has_embedded |= child->has_embedded;
}

static void note_children(struct node *node)
{
    node->has_embedded = node->embedded_resource;
    for (size_t i = 0; i < node->property_count; i++)
        note_child(node, node->properties[i].node);
    note_child(node, node->additional_node);
    note_child(node, node->items);
}

/* What is filled in must be valid. */
static int check_default(const struct node *node, struct err *err)
{
    struct field_errors errors = {.max = 1};
    if (!node->fallback)
        return 0;
    json_t *value = json_deep_copy(node->fallback);
    fill_defaults(value, node);
    validate_values(node, value, NULL, &errors);
    if (errors.count > 0)
        err_set(err, ERR_INVALID, "default: %s: %s", errors.items[0].field,
                errors.items[0].message);
    json_decref(value);
    bool ok = errors.count == 0;
    field_errors_release(&errors);
    return ok ? 0 : -1;
}

static struct node *compile(const json_t *json, int depth, struct err *err)
{
    if (depth > SCHEMA_DEPTH_MAX || !json_is_object(json)) {
        err_set(err, ERR_INVALID, "a schema must be an object, nested at most %d deep",
                SCHEMA_DEPTH_MAX);
        return NULL;
    }
    struct node *node = mem_zalloc(sizeof(*node));
    read_numbers(json, node);
    read_values(json, node);
    if (read_type(json, node, err) == 0 && read_list_type(json, node, err) == 0 &&
        read_pattern(json, node, err) == 0 && compile_children(node, json, depth + 1, err) == 0) {
        note_children(node);
        if (check_default(node, err) == 0)
            return node;
    }
    node_free(node);
    return NULL;
}

/* The one thing that a kind may say about names; validate_metadata has its own texts for it. */
static enum name_format read_name_format(const json_t *open_api)
{
    const char *format = json_at_text(open_api, "properties.metadata.properties.name.format");
    if (format && strcmp(format, "k8s-short-name") == 0)
        return NAME_LABEL;
    return format && strcmp(format, "path-segment") == 0 ? NAME_PATH_SEGMENT : NAME_SUBDOMAIN;
}

/* So that nothing is said twice. */
static void forget_name_format(struct node *root)
{
    const struct node *metadata = node_property(root, "metadata");
    for (size_t i = 0; metadata && i < metadata->property_count; i++) {
        if (strcmp(metadata->properties[i].name, "name") == 0)
            metadata->properties[i].node->check_format = NULL;
    }
}

struct schema *schema_compile(const json_t *open_api, struct err *err)
{
    struct node *root = check_structure(open_api, err) == 0 ? compile(open_api, 0, err) : NULL;
    if (!root)
        return NULL;
    struct schema *schema = mem_zalloc(sizeof(*schema));
    schema->root = root;
    schema->name_format = read_name_format(open_api);
    forget_name_format(root);
    return schema;
}
