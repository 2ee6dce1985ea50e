/* Version 2 out of version 3: the same operations and schemas, without what version 2 lacks and
 * kubectl chokes on. */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "openapi.h"

#define V3_PREFIX "#/components/schemas/"
#define V2_PREFIX "#/definitions/"

static json_t *convert_ref(const char *ref)
{
    if (strncmp(ref, V3_PREFIX, strlen(V3_PREFIX)) != 0)
        return json_string(ref);
    return json_sprintf(V2_PREFIX "%s", ref + strlen(V3_PREFIX));
}

/* ---- schemas ---- */

static json_t *convert_schema(const json_t *schema);

static bool is_set(const json_t *schema, const char *key)
{
    return json_is_true(json_object_get(schema, key));
}

static json_t *convert_properties(const json_t *properties)
{
    json_t *result = json_object();
    const char *key;
    json_t *child;
    json_t *copy = json_deep_copy(properties); /* jansson iterates what may be changed only */
    json_object_foreach(copy, key, child)
    {
        json_object_set_new(result, key, convert_schema(child));
    }
    json_decref(copy);
    return result;
}

/* Keywords that stay as they are. Nullable, alternatives and defaults have no place in version 2.
 */
static void copy_keywords(json_t *result, const json_t *schema)
{
    static const char *const keywords[] = {"description",
                                           "title",
                                           "format",
                                           "enum",
                                           "minimum",
                                           "maximum",
                                           "exclusiveMinimum",
                                           "exclusiveMaximum",
                                           "multipleOf",
                                           "minLength",
                                           "maxLength",
                                           "pattern",
                                           "minItems",
                                           "maxItems",
                                           "minProperties",
                                           "maxProperties",
                                           "required",
                                           "x-kubernetes-list-type",
                                           "x-kubernetes-list-map-keys",
                                           "x-kubernetes-map-type",
                                           "x-kubernetes-int-or-string",
                                           "x-kubernetes-preserve-unknown-fields",
                                           "x-kubernetes-group-version-kind",
                                           "x-kubernetes-selectable-fields",
                                           "x-kubernetes-embedded-resource",
                                           "x-kubernetes-patch-strategy",
                                           "x-kubernetes-patch-merge-key"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(keywords); i++) {
        const json_t *value = json_object_get(schema, keywords[i]);
        if (value)
            json_object_set_new(result, keywords[i], json_deep_copy(value));
    }
}

/* What may be null isn't required. */
static void drop_nullable_required(json_t *result, const json_t *schema)
{
    size_t index;
    json_t *name;
    json_t *kept = json_array();
    json_array_foreach(json_object_get(schema, "required"), index, name)
    {
        const json_t *property =
            json_object_get(json_object_get(schema, "properties"), json_string_value(name));
        if (!is_set(property, "nullable"))
            json_array_append(kept, name);
    }
    if (json_array_size(kept) > 0)
        json_object_set(result, "required", kept);
    else
        json_object_del(result, "required");
    json_decref(kept);
}

/* {allOf: [{$ref}]} is how version 3 gives a reference a description. */
static const char *only_ref(const json_t *schema)
{
    const json_t *all = json_object_get(schema, "allOf");
    const char *ref = json_at_text(schema, "$ref");
    if (ref)
        return ref;
    return json_array_size(all) == 1 ? json_at_text(json_array_get(all, 0), "$ref") : NULL;
}

/* The type, items and properties; kubectl takes untyped values as anything, but only without items
 * and properties. */
static void convert_shape(json_t *result, const json_t *schema)
{
    const char *type = json_at_text(schema, "type");
    const json_t *additional = json_object_get(schema, "additionalProperties");
    const json_t *items = json_object_get(schema, "items");
    const json_t *properties = json_object_get(schema, "properties");
    bool open = is_set(schema, "nullable") ||
                is_set(schema, "x-kubernetes-preserve-unknown-fields") ||
                is_set(schema, "x-kubernetes-int-or-string");
    if (open || (type && strcmp(type, "array") == 0 && !items))
        return;
    if (type)
        json_object_set_new(result, "type", json_string(type));
    if (items)
        json_object_set_new(result, "items", convert_schema(items));
    if (json_object_size(properties) > 0)
        json_object_set_new(result, "properties", convert_properties(properties));
    if (json_is_object(additional))
        json_object_set_new(result, "additionalProperties", convert_schema(additional));
}

static json_t *convert_schema(const json_t *schema)
{
    json_t *result = json_object();
    const char *ref = only_ref(schema);
    copy_keywords(result, schema);
    if (ref) {
        json_object_set_new(result, "$ref", convert_ref(ref));
        return result;
    }
    drop_nullable_required(result, schema);
    convert_shape(result, schema);
    return result;
}

/* ---- operations ---- */

static json_t *convert_parameter(const json_t *parameter)
{
    json_t *result = json_deep_copy(parameter);
    json_object_update_new(result, json_deep_copy(json_object_get(parameter, "schema")));
    json_object_del(result, "schema");
    return result;
}

static json_t *convert_parameters(const json_t *parameters)
{
    json_t *result = json_array();
    size_t index;
    json_t *parameter;
    json_array_foreach(parameters, index, parameter)
    {
        json_array_append_new(result, convert_parameter(parameter));
    }
    return result;
}

/* The media types of a "content", and the schema of its first. */
static json_t *split_content(const json_t *content, json_t **ret_types)
{
    json_t *schema = NULL;
    const char *key;
    json_t *media;
    json_t *copy = json_deep_copy(content);
    *ret_types = json_array();
    json_object_foreach(copy, key, media)
    {
        json_array_append_new(*ret_types, json_string(key));
        if (!schema)
            schema = convert_schema(json_object_get(media, "schema"));
    }
    json_decref(copy);
    return schema;
}

static void convert_body(json_t *result, const json_t *body)
{
    json_t *types;
    if (!body)
        return;
    json_t *schema = split_content(json_object_get(body, "content"), &types);
    json_object_set_new(result, "consumes", types);
    json_t *parameter =
        json_pack("{s:s, s:s, s:o}", "in", "body", "name", "body", "schema", schema);
    if (is_set(body, "required"))
        json_object_set_new(parameter, "required", json_true());
    json_array_append_new(json_object_get(result, "parameters"), parameter);
}

static json_t *convert_responses(const json_t *responses, json_t *operation)
{
    json_t *result = json_object();
    json_t *copy = json_deep_copy(responses);
    const char *code;
    json_t *response;
    json_object_foreach(copy, code, response)
    {
        json_t *types;
        json_t *converted =
            json_pack("{s:s}", "description", json_at_text(response, "description"));
        json_t *schema = split_content(json_object_get(response, "content"), &types);
        if (schema) {
            json_object_set_new(converted, "schema", schema);
            json_object_set(operation, "produces", types);
        }
        json_decref(types);
        json_object_set_new(result, code, converted);
    }
    json_decref(copy);
    return result;
}

static json_t *convert_operation(const json_t *operation)
{
    json_t *result = json_deep_copy(operation);
    json_object_del(result, "requestBody");
    json_object_set_new(result, "parameters",
                        convert_parameters(json_object_get(operation, "parameters")));
    convert_body(result, json_object_get(operation, "requestBody"));
    json_object_set_new(result, "responses",
                        convert_responses(json_object_get(operation, "responses"), result));
    return result;
}

static json_t *convert_path(const json_t *item)
{
    json_t *result = json_object();
    json_t *copy = json_deep_copy(item);
    const char *key;
    json_t *child;
    json_object_foreach(copy, key, child)
    {
        bool list = strcmp(key, "parameters") == 0;
        json_object_set_new(result, key,
                            list ? convert_parameters(child) : convert_operation(child));
    }
    json_decref(copy);
    return result;
}

json_t *openapi_v2(const json_t *const *v3_documents, size_t count)
{
    json_t *paths = json_object();
    json_t *definitions = json_object();
    for (size_t i = 0; i < count; i++) {
        const char *key;
        json_t *child;
        json_object_foreach(json_at(v3_documents[i], "paths"), key, child)
        {
            json_object_set_new(paths, key, convert_path(child));
        }
        json_object_foreach(json_at(v3_documents[i], "components.schemas"), key, child)
        {
            json_object_set_new(definitions, key, convert_schema(child));
        }
    }
    return json_pack("{s:s, s:{s:s, s:s}, s:o, s:o}", "swagger", "2.0", "info", "title", "MoT",
                     "version", "v" MOT_VERSION, "paths", paths, "definitions", definitions);
}
