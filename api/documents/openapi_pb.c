/*
 * OpenAPI version 2 as the protobuf message openapi.v2.Document of gnostic, which is all that
 * kubectl's and Argo's decoders take. Only what our documents have is written. Field numbers are
 * those of gnostic's OpenAPIv2.proto.
 */
#include <string.h>

#include <mot/model/json.h>

#include "openapi.h"
#include "pb.h"

/* ---- schemas ---- */

static void write_schema(struct buf *buf, const json_t *schema);

static void write_type(struct buf *buf, const json_t *type)
{
    pb_put_text(buf, 1, json_string_value(type));
}

static void write_schema_as_first(struct buf *buf, const json_t *schema)
{
    pb_put_message(buf, 1, write_schema, schema);
}

static void write_properties(struct buf *buf, const json_t *properties)
{
    pb_put_all_named(buf, 1, write_schema, properties);
}

static void write_schema(struct buf *buf, const json_t *schema)
{
    pb_put_text(buf, 1, json_at_text(schema, "$ref"));
    pb_put_text(buf, 2, json_at_text(schema, "format"));
    pb_put_text(buf, 3, json_at_text(schema, "title"));
    pb_put_text(buf, 4, json_at_text(schema, "description"));
    pb_put_double(buf, 6, json_object_get(schema, "multipleOf"));
    pb_put_double(buf, 7, json_object_get(schema, "maximum"));
    pb_put_bool(buf, 8, json_at_bool(schema, "exclusiveMaximum", false));
    pb_put_double(buf, 9, json_object_get(schema, "minimum"));
    pb_put_bool(buf, 10, json_at_bool(schema, "exclusiveMinimum", false));
    pb_put_int(buf, 11, json_object_get(schema, "maxLength"));
    pb_put_int(buf, 12, json_object_get(schema, "minLength"));
    pb_put_text(buf, 13, json_at_text(schema, "pattern"));
    pb_put_int(buf, 14, json_object_get(schema, "maxItems"));
    pb_put_int(buf, 15, json_object_get(schema, "minItems"));
    pb_put_int(buf, 17, json_object_get(schema, "maxProperties"));
    pb_put_int(buf, 18, json_object_get(schema, "minProperties"));
    pb_put_texts(buf, 19, json_object_get(schema, "required"));
    pb_put_messages(buf, 20, pb_write_any, json_object_get(schema, "enum"));
    pb_put_message(buf, 21, write_schema_as_first, json_object_get(schema, "additionalProperties"));
    pb_put_message(buf, 22, write_type, json_object_get(schema, "type"));
    pb_put_message(buf, 23, write_schema_as_first, json_object_get(schema, "items"));
    pb_put_message(buf, 25, write_properties, json_object_get(schema, "properties"));
    pb_put_extensions(buf, 31, schema);
}

/* ---- operations ---- */

static void write_body_parameter(struct buf *buf, const json_t *parameter)
{
    pb_put_text(buf, 2, json_at_text(parameter, "name"));
    pb_put_text(buf, 3, json_at_text(parameter, "in"));
    pb_put_bool(buf, 4, json_at_bool(parameter, "required", false));
    pb_put_message(buf, 5, write_schema, json_object_get(parameter, "schema"));
}

static void write_simple_parameter(struct buf *buf, const json_t *parameter, unsigned type_field)
{
    pb_put_bool(buf, 1, json_at_bool(parameter, "required", false));
    pb_put_text(buf, 2, json_at_text(parameter, "in"));
    pb_put_text(buf, 3, json_at_text(parameter, "description"));
    pb_put_text(buf, 4, json_at_text(parameter, "name"));
    pb_put_text(buf, type_field, json_at_text(parameter, "type"));
}

static void write_query_parameter(struct buf *buf, const json_t *parameter)
{
    write_simple_parameter(buf, parameter, 6);
}

static void write_path_parameter(struct buf *buf, const json_t *parameter)
{
    write_simple_parameter(buf, parameter, 5);
}

static void write_non_body(struct buf *buf, const json_t *parameter)
{
    bool query = strcmp(json_at_text(parameter, "in"), "query") == 0;
    pb_put_message(buf, query ? 3 : 4, query ? write_query_parameter : write_path_parameter,
                   parameter);
}

static void write_parameter(struct buf *buf, const json_t *parameter)
{
    bool body = strcmp(json_at_text(parameter, "in"), "body") == 0;
    pb_put_message(buf, body ? 1 : 2, body ? write_body_parameter : write_non_body, parameter);
}

static void write_parameters_item(struct buf *buf, const json_t *parameter)
{
    pb_put_message(buf, 1, write_parameter, parameter);
}

static void write_response(struct buf *buf, const json_t *response)
{
    pb_put_text(buf, 1, json_at_text(response, "description"));
    pb_put_message(buf, 2, write_schema_as_first, json_object_get(response, "schema"));
}

static void write_response_value(struct buf *buf, const json_t *response)
{
    pb_put_message(buf, 1, write_response, response);
}

static void write_responses(struct buf *buf, const json_t *responses)
{
    pb_put_all_named(buf, 1, write_response_value, responses);
}

static void write_operation(struct buf *buf, const json_t *operation)
{
    pb_put_texts(buf, 1, json_object_get(operation, "tags"));
    pb_put_text(buf, 3, json_at_text(operation, "description"));
    pb_put_text(buf, 5, json_at_text(operation, "operationId"));
    pb_put_texts(buf, 6, json_object_get(operation, "produces"));
    pb_put_texts(buf, 7, json_object_get(operation, "consumes"));
    pb_put_messages(buf, 8, write_parameters_item, json_object_get(operation, "parameters"));
    pb_put_message(buf, 9, write_responses, json_object_get(operation, "responses"));
    pb_put_extensions(buf, 13, operation);
}

static void write_path_item(struct buf *buf, const json_t *item)
{
    pb_put_message(buf, 2, write_operation, json_object_get(item, "get"));
    pb_put_message(buf, 3, write_operation, json_object_get(item, "put"));
    pb_put_message(buf, 4, write_operation, json_object_get(item, "post"));
    pb_put_message(buf, 5, write_operation, json_object_get(item, "delete"));
    pb_put_message(buf, 8, write_operation, json_object_get(item, "patch"));
    pb_put_messages(buf, 9, write_parameters_item, json_object_get(item, "parameters"));
}

static void write_paths(struct buf *buf, const json_t *paths)
{
    pb_put_all_named(buf, 2, write_path_item, paths);
}

static void write_definitions(struct buf *buf, const json_t *definitions)
{
    pb_put_all_named(buf, 1, write_schema, definitions);
}

static void write_info(struct buf *buf, const json_t *info)
{
    pb_put_text(buf, 1, json_at_text(info, "title"));
    pb_put_text(buf, 2, json_at_text(info, "version"));
}

void openapi_v2_protobuf(struct buf *buf, const json_t *v2_document)
{
    pb_put_text(buf, 1, json_at_text(v2_document, "swagger"));
    pb_put_message(buf, 2, write_info, json_object_get(v2_document, "info"));
    pb_put_message(buf, 8, write_paths, json_object_get(v2_document, "paths"));
    pb_put_message(buf, 9, write_definitions, json_object_get(v2_document, "definitions"));
}
