/*
 * OpenAPI version 2 as the protobuf message openapi.v2.Document of gnostic, which is all that
 * kubectl's and Argo's decoders take. Only what our documents have is written. Field numbers are
 * those of gnostic's OpenAPIv2.proto.
 */
#include <stdint.h>
#include <string.h>

#include <mot/model/json.h>

#include "openapi.h"

/* ---- wire ---- */

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

static void put_varint(struct buf *buf, uint64_t number)
{
    while (number >= 0x80) {
        buf_addc(buf, (char)(number | 0x80));
        number >>= 7;
    }
    buf_addc(buf, (char)number);
}

static void put_bytes(struct buf *buf, unsigned field, const void *data, size_t len)
{
    put_varint(buf, (uint64_t)field << 3 | WIRE_BYTES);
    put_varint(buf, len);
    buf_add(buf, data, len);
}

/* Nothing for NULL and "", as proto3 has it. */
static void put_text(struct buf *buf, unsigned field, const char *text)
{
    if (text && *text)
        put_bytes(buf, field, text, strlen(text));
}

static void put_bool(struct buf *buf, unsigned field, bool value)
{
    if (!value)
        return;
    put_varint(buf, (uint64_t)field << 3 | WIRE_VARINT);
    put_varint(buf, 1);
}

static void put_int(struct buf *buf, unsigned field, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) == 0)
        return;
    put_varint(buf, (uint64_t)field << 3 | WIRE_VARINT);
    put_varint(buf, (uint64_t)json_integer_value(value));
}

static void put_double(struct buf *buf, unsigned field, const json_t *value)
{
    double number = json_number_value(value);
    uint64_t bits;
    if (!json_is_number(value) || (!(number < 0) && !(number > 0)))
        return;
    memcpy(&bits, &number, sizeof(bits));
    put_varint(buf, (uint64_t)field << 3 | WIRE_FIXED64);
    for (int i = 0; i < 8; i++)
        buf_addc(buf, (char)(bits >> (8 * i) & 0xff));
}

typedef void (*writer)(struct buf *buf, const json_t *value);

/* A message inside a message: its length stands before it. */
static void put_message(struct buf *buf, unsigned field, writer write, const json_t *value)
{
    struct buf inner;
    if (!value)
        return;
    buf_init(&inner, BUF_MAX_DEFAULT);
    write(&inner, value);
    put_bytes(buf, field, inner.data ? inner.data : "", inner.len);
    buf_release(&inner);
}

static void put_texts(struct buf *buf, unsigned field, const json_t *array)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        put_text(buf, field, json_string_value(item));
    }
}

/* ---- pairs of a name and a value ---- */

static void put_named(struct buf *buf, unsigned field, const char *name, writer write,
                      const json_t *value)
{
    struct buf inner;
    buf_init(&inner, BUF_MAX_DEFAULT);
    put_text(&inner, 1, name);
    put_message(&inner, 2, write, value);
    put_bytes(buf, field, inner.data, inner.len);
    buf_release(&inner);
}

static void put_all_named(struct buf *buf, unsigned field, writer write, const json_t *object)
{
    const char *key;
    json_t *value;
    json_t *copy = json_deep_copy(object);
    json_object_foreach(copy, key, value)
    {
        put_named(buf, field, key, write, value);
    }
    json_decref(copy);
}

/* Any: YAML text; JSON is YAML. */
static void write_any(struct buf *buf, const json_t *value)
{
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    json_write(&text, value);
    buf_addc(&text, '\n');
    put_bytes(buf, 2, text.data, text.len);
    buf_release(&text);
}

static void put_extensions(struct buf *buf, unsigned field, const json_t *object)
{
    const char *key;
    json_t *value;
    json_t *copy = json_deep_copy(object);
    json_object_foreach(copy, key, value)
    {
        if (strncmp(key, "x-", 2) == 0)
            put_named(buf, field, key, write_any, value);
    }
    json_decref(copy);
}

/* ---- schemas ---- */

static void write_schema(struct buf *buf, const json_t *schema);

static void write_type(struct buf *buf, const json_t *type)
{
    put_text(buf, 1, json_string_value(type));
}

static void write_schema_as_first(struct buf *buf, const json_t *schema)
{
    put_message(buf, 1, write_schema, schema);
}

static void write_properties(struct buf *buf, const json_t *properties)
{
    put_all_named(buf, 1, write_schema, properties);
}

static void write_schema(struct buf *buf, const json_t *schema)
{
    size_t index;
    json_t *choice;
    put_text(buf, 1, json_at_text(schema, "$ref"));
    put_text(buf, 2, json_at_text(schema, "format"));
    put_text(buf, 3, json_at_text(schema, "title"));
    put_text(buf, 4, json_at_text(schema, "description"));
    put_double(buf, 6, json_object_get(schema, "multipleOf"));
    put_double(buf, 7, json_object_get(schema, "maximum"));
    put_bool(buf, 8, json_at_bool(schema, "exclusiveMaximum", false));
    put_double(buf, 9, json_object_get(schema, "minimum"));
    put_bool(buf, 10, json_at_bool(schema, "exclusiveMinimum", false));
    put_int(buf, 11, json_object_get(schema, "maxLength"));
    put_int(buf, 12, json_object_get(schema, "minLength"));
    put_text(buf, 13, json_at_text(schema, "pattern"));
    put_int(buf, 14, json_object_get(schema, "maxItems"));
    put_int(buf, 15, json_object_get(schema, "minItems"));
    put_int(buf, 17, json_object_get(schema, "maxProperties"));
    put_int(buf, 18, json_object_get(schema, "minProperties"));
    put_texts(buf, 19, json_object_get(schema, "required"));
    json_array_foreach(json_object_get(schema, "enum"), index, choice)
    {
        put_message(buf, 20, write_any, choice);
    }
    put_message(buf, 21, write_schema_as_first, json_object_get(schema, "additionalProperties"));
    put_message(buf, 22, write_type, json_object_get(schema, "type"));
    put_message(buf, 23, write_schema_as_first, json_object_get(schema, "items"));
    put_message(buf, 25, write_properties, json_object_get(schema, "properties"));
    put_extensions(buf, 31, schema);
}

/* ---- operations ---- */

static void write_body_parameter(struct buf *buf, const json_t *parameter)
{
    put_text(buf, 2, json_at_text(parameter, "name"));
    put_text(buf, 3, json_at_text(parameter, "in"));
    put_bool(buf, 4, json_at_bool(parameter, "required", false));
    put_message(buf, 5, write_schema, json_object_get(parameter, "schema"));
}

static void write_simple_parameter(struct buf *buf, const json_t *parameter, unsigned type_field)
{
    put_bool(buf, 1, json_at_bool(parameter, "required", false));
    put_text(buf, 2, json_at_text(parameter, "in"));
    put_text(buf, 3, json_at_text(parameter, "description"));
    put_text(buf, 4, json_at_text(parameter, "name"));
    put_text(buf, type_field, json_at_text(parameter, "type"));
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
    put_message(buf, query ? 3 : 4, query ? write_query_parameter : write_path_parameter,
                parameter);
}

static void write_parameter(struct buf *buf, const json_t *parameter)
{
    bool body = strcmp(json_at_text(parameter, "in"), "body") == 0;
    put_message(buf, body ? 1 : 2, body ? write_body_parameter : write_non_body, parameter);
}

static void write_parameters_item(struct buf *buf, const json_t *parameter)
{
    put_message(buf, 1, write_parameter, parameter);
}

static void put_parameters(struct buf *buf, unsigned field, const json_t *array)
{
    size_t index;
    json_t *parameter;
    json_array_foreach(array, index, parameter)
    {
        put_message(buf, field, write_parameters_item, parameter);
    }
}

static void write_response(struct buf *buf, const json_t *response)
{
    put_text(buf, 1, json_at_text(response, "description"));
    put_message(buf, 2, write_schema_as_first, json_object_get(response, "schema"));
}

static void write_response_value(struct buf *buf, const json_t *response)
{
    put_message(buf, 1, write_response, response);
}

static void write_responses(struct buf *buf, const json_t *responses)
{
    put_all_named(buf, 1, write_response_value, responses);
}

static void write_operation(struct buf *buf, const json_t *operation)
{
    put_texts(buf, 1, json_object_get(operation, "tags"));
    put_text(buf, 3, json_at_text(operation, "description"));
    put_text(buf, 5, json_at_text(operation, "operationId"));
    put_texts(buf, 6, json_object_get(operation, "produces"));
    put_texts(buf, 7, json_object_get(operation, "consumes"));
    put_parameters(buf, 8, json_object_get(operation, "parameters"));
    put_message(buf, 9, write_responses, json_object_get(operation, "responses"));
    put_extensions(buf, 13, operation);
}

static void write_path_item(struct buf *buf, const json_t *item)
{
    put_message(buf, 2, write_operation, json_object_get(item, "get"));
    put_message(buf, 3, write_operation, json_object_get(item, "put"));
    put_message(buf, 4, write_operation, json_object_get(item, "post"));
    put_message(buf, 5, write_operation, json_object_get(item, "delete"));
    put_message(buf, 8, write_operation, json_object_get(item, "patch"));
    put_parameters(buf, 9, json_object_get(item, "parameters"));
}

static void write_paths(struct buf *buf, const json_t *paths)
{
    put_all_named(buf, 2, write_path_item, paths);
}

static void write_definitions(struct buf *buf, const json_t *definitions)
{
    put_all_named(buf, 1, write_schema, definitions);
}

static void write_info(struct buf *buf, const json_t *info)
{
    put_text(buf, 1, json_at_text(info, "title"));
    put_text(buf, 2, json_at_text(info, "version"));
}

void openapi_v2_protobuf(struct buf *buf, const json_t *v2_document)
{
    put_text(buf, 1, json_at_text(v2_document, "swagger"));
    put_message(buf, 2, write_info, json_object_get(v2_document, "info"));
    put_message(buf, 8, write_paths, json_object_get(v2_document, "paths"));
    put_message(buf, 9, write_definitions, json_object_get(v2_document, "definitions"));
}
