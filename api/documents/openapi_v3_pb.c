/*
 * OpenAPI version 3 as the protobuf message openapi.v3.Document of gnostic, as a kube-apiserver
 * offers it beside JSON. Only what our documents have is written. Field numbers are those of
 * gnostic's OpenAPIv3.proto.
 */
#include <string.h>

#include <mot/model/json.h>

#include "openapi.h"
#include "pb.h"

/* ---- what may be a reference instead ---- */

static void write_reference(struct buf *buf, const json_t *value)
{
    pb_put_text(buf, 1, json_at_text(value, "$ref"));
}

/* "…OrReference": the thing is field 1, the reference field 2. */
static void put_either(struct buf *buf, pb_writer *write, const json_t *value)
{
    bool refers = json_object_get(value, "$ref") != NULL;
    pb_put_message(buf, refers ? 2 : 1, refers ? write_reference : write, value);
}

/* ---- schemas ---- */

static void write_schema(struct buf *buf, const json_t *schema);

static void write_schema_or_reference(struct buf *buf, const json_t *schema)
{
    put_either(buf, write_schema, schema);
}

static void write_schemas(struct buf *buf, const json_t *schemas)
{
    pb_put_all_named(buf, 1, write_schema_or_reference, schemas);
}

static void write_items(struct buf *buf, const json_t *schema)
{
    pb_put_message(buf, 1, write_schema_or_reference, schema);
}

static void write_additional(struct buf *buf, const json_t *value)
{
    if (json_is_boolean(value))
        pb_choose_bool(buf, 2, json_is_true(value));
    else
        pb_put_message(buf, 1, write_schema_or_reference, value);
}

/* It has no form for objects and lists. */
static void write_default(struct buf *buf, const json_t *value)
{
    if (json_is_number(value))
        pb_choose_double(buf, 1, json_number_value(value));
    else if (json_is_boolean(value))
        pb_choose_bool(buf, 2, json_is_true(value));
    else if (json_is_string(value))
        pb_choose_text(buf, 3, json_string_value(value));
}

static void put_bounds(struct buf *buf, const json_t *schema)
{
    pb_put_double(buf, 10, json_object_get(schema, "multipleOf"));
    pb_put_double(buf, 11, json_object_get(schema, "maximum"));
    pb_put_bool(buf, 12, json_at_bool(schema, "exclusiveMaximum", false));
    pb_put_double(buf, 13, json_object_get(schema, "minimum"));
    pb_put_bool(buf, 14, json_at_bool(schema, "exclusiveMinimum", false));
    pb_put_int(buf, 15, json_object_get(schema, "maxLength"));
    pb_put_int(buf, 16, json_object_get(schema, "minLength"));
    pb_put_text(buf, 17, json_at_text(schema, "pattern"));
    pb_put_int(buf, 18, json_object_get(schema, "maxItems"));
    pb_put_int(buf, 19, json_object_get(schema, "minItems"));
    pb_put_bool(buf, 20, json_at_bool(schema, "uniqueItems", false));
    pb_put_int(buf, 21, json_object_get(schema, "maxProperties"));
    pb_put_int(buf, 22, json_object_get(schema, "minProperties"));
}

static void write_schema(struct buf *buf, const json_t *schema)
{
    pb_put_bool(buf, 1, json_at_bool(schema, "nullable", false));
    pb_put_text(buf, 9, json_at_text(schema, "title"));
    put_bounds(buf, schema);
    pb_put_texts(buf, 23, json_object_get(schema, "required"));
    pb_put_messages(buf, 24, pb_write_any, json_object_get(schema, "enum"));
    pb_put_text(buf, 25, json_at_text(schema, "type"));
    pb_put_messages(buf, 26, write_schema_or_reference, json_object_get(schema, "allOf"));
    pb_put_messages(buf, 27, write_schema_or_reference, json_object_get(schema, "oneOf"));
    pb_put_messages(buf, 28, write_schema_or_reference, json_object_get(schema, "anyOf"));
    pb_put_message(buf, 29, write_schema, json_object_get(schema, "not"));
    pb_put_message(buf, 30, write_items, json_object_get(schema, "items"));
    pb_put_message(buf, 31, write_schemas, json_object_get(schema, "properties"));
    pb_put_message(buf, 32, write_additional, json_object_get(schema, "additionalProperties"));
    pb_put_message(buf, 33, write_default, json_object_get(schema, "default"));
    pb_put_text(buf, 34, json_at_text(schema, "description"));
    pb_put_text(buf, 35, json_at_text(schema, "format"));
    pb_put_extensions(buf, 36, schema);
}

/* ---- operations ---- */

static void write_parameter(struct buf *buf, const json_t *parameter)
{
    pb_put_text(buf, 1, json_at_text(parameter, "name"));
    pb_put_text(buf, 2, json_at_text(parameter, "in"));
    pb_put_text(buf, 3, json_at_text(parameter, "description"));
    pb_put_bool(buf, 4, json_at_bool(parameter, "required", false));
    pb_put_message(buf, 10, write_schema_or_reference, json_object_get(parameter, "schema"));
}

static void write_parameter_or_reference(struct buf *buf, const json_t *parameter)
{
    put_either(buf, write_parameter, parameter);
}

static void write_media_type(struct buf *buf, const json_t *type)
{
    pb_put_message(buf, 1, write_schema_or_reference, json_object_get(type, "schema"));
}

static void write_content(struct buf *buf, const json_t *content)
{
    pb_put_all_named(buf, 1, write_media_type, content);
}

static void write_body(struct buf *buf, const json_t *body)
{
    pb_put_text(buf, 1, json_at_text(body, "description"));
    pb_put_message(buf, 2, write_content, json_object_get(body, "content"));
    pb_put_bool(buf, 3, json_at_bool(body, "required", false));
}

static void write_body_or_reference(struct buf *buf, const json_t *body)
{
    put_either(buf, write_body, body);
}

static void write_response(struct buf *buf, const json_t *response)
{
    pb_put_text(buf, 1, json_at_text(response, "description"));
    pb_put_message(buf, 3, write_content, json_object_get(response, "content"));
}

static void write_response_or_reference(struct buf *buf, const json_t *response)
{
    put_either(buf, write_response, response);
}

static void write_responses(struct buf *buf, const json_t *responses)
{
    pb_put_all_named(buf, 2, write_response_or_reference, responses);
}

static void write_operation(struct buf *buf, const json_t *operation)
{
    pb_put_texts(buf, 1, json_object_get(operation, "tags"));
    pb_put_text(buf, 3, json_at_text(operation, "description"));
    pb_put_text(buf, 5, json_at_text(operation, "operationId"));
    pb_put_messages(buf, 6, write_parameter_or_reference, json_object_get(operation, "parameters"));
    pb_put_message(buf, 7, write_body_or_reference, json_object_get(operation, "requestBody"));
    pb_put_message(buf, 8, write_responses, json_object_get(operation, "responses"));
    pb_put_extensions(buf, 13, operation);
}

static void write_path_item(struct buf *buf, const json_t *item)
{
    pb_put_message(buf, 4, write_operation, json_object_get(item, "get"));
    pb_put_message(buf, 5, write_operation, json_object_get(item, "put"));
    pb_put_message(buf, 6, write_operation, json_object_get(item, "post"));
    pb_put_message(buf, 7, write_operation, json_object_get(item, "delete"));
    pb_put_message(buf, 10, write_operation, json_object_get(item, "patch"));
    pb_put_messages(buf, 13, write_parameter_or_reference, json_object_get(item, "parameters"));
}

static void write_paths(struct buf *buf, const json_t *paths)
{
    pb_put_all_named(buf, 1, write_path_item, paths);
}

/* ---- the document ---- */

static void write_info(struct buf *buf, const json_t *info)
{
    pb_put_text(buf, 1, json_at_text(info, "title"));
    pb_put_text(buf, 6, json_at_text(info, "version"));
}

static void write_components(struct buf *buf, const json_t *components)
{
    pb_put_message(buf, 1, write_schemas, json_object_get(components, "schemas"));
}

void openapi_v3_protobuf(struct buf *buf, const json_t *v3_document)
{
    pb_put_text(buf, 1, json_at_text(v3_document, "openapi"));
    pb_put_message(buf, 2, write_info, json_object_get(v3_document, "info"));
    pb_put_message(buf, 4, write_paths, json_object_get(v3_document, "paths"));
    pb_put_message(buf, 5, write_components, json_object_get(v3_document, "components"));
}
