#include "protobuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "protobuf_types.h"

#define DEPTH_MAX 16
#define TIME_MAX  INT64_C(253402300799) /* the end of the year 9999 */
#define NANOS     1000000000

/* Values in one body: each takes more memory than it has bytes. */
#define VALUES_MAX 200000

static const struct field type_meta[] = {{1, "apiVersion", FIELD_TEXT, false, NULL},
                                         {2, "kind", FIELD_TEXT, false, NULL},
                                         {0, NULL, FIELD_TEXT, false, NULL}};

/* -------------------------------------------------------------------------------- wire format */

struct bytes {
    const unsigned char *at;
    size_t len;
};

struct value {
    unsigned number;
    unsigned wire;
    uint64_t varint;
    struct bytes bytes;
};

static bool take_varint(struct bytes *in, uint64_t *ret)
{
    *ret = 0;
    for (unsigned shift = 0; shift < 64 && in->len > 0; shift += 7) {
        unsigned char byte = *in->at++;
        in->len--;
        *ret |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool take_bytes(struct bytes *in, uint64_t len, struct bytes *ret)
{
    if (len > in->len)
        return false;
    *ret = (struct bytes){in->at, (size_t)len};
    in->at += len;
    in->len -= (size_t)len;
    return true;
}

static bool take_value(struct bytes *in, struct value *value)
{
    uint64_t key;
    uint64_t len;
    *value = (struct value){0};
    if (!take_varint(in, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX)
        return false;
    value->number = (unsigned)(key >> 3);
    value->wire = (unsigned)(key & 7);
    switch (value->wire) {
    case 0:
        return take_varint(in, &value->varint);
    case 1:
        return take_bytes(in, 8, &value->bytes);
    case 2:
        return take_varint(in, &len) && take_bytes(in, len, &value->bytes);
    case 5:
        return take_bytes(in, 4, &value->bytes);
    default:
        return false;
    }
}

/* -------------------------------------------------------------------------------- to JSON */

struct decoder {
    int depth;
    size_t values;
};

static json_t *decode_message(struct decoder *decoder, struct bytes in, const struct field *fields);

static bool has_nul(struct bytes bytes)
{
    return bytes.len > 0 && memchr(bytes.at, '\0', bytes.len);
}

/* NULL when it is no UTF-8, or has a NUL, which JSON and YAML may not have here either. */
static json_t *decode_text(struct bytes bytes)
{
    if (has_nul(bytes))
        return NULL;
    return json_stringn((const char *)bytes.at, bytes.len);
}

/* What stands in field 1 of a message, as often as it stands there. */
static bool decode_first(struct decoder *decoder, struct bytes in, json_t *texts)
{
    struct value value;
    while (in.len > 0) {
        if (!take_value(&in, &value) || ++decoder->values > VALUES_MAX)
            return false;
        if (value.number == 1 && value.wire == 2 &&
            json_array_append_new(texts, decode_text(value.bytes)) < 0)
            return false;
    }
    return true;
}

static json_t *decode_texts(struct decoder *decoder, struct bytes in)
{
    json_t *texts = json_array();
    if (decode_first(decoder, in, texts))
        return texts;
    json_decref(texts);
    return NULL;
}

/* An entry is a message of key (1) and value (2). */
static bool add_entry(struct decoder *decoder, json_t *map, enum field_type type, struct bytes in)
{
    struct bytes key = {(const unsigned char *)"", 0};
    struct bytes content = key;
    struct value value;
    while (in.len > 0) {
        if (!take_value(&in, &value) || value.wire != 2)
            return false;
        if (value.number == 1)
            key = value.bytes;
        else if (value.number == 2)
            content = value.bytes;
    }
    if (has_nul(key))
        return false;
    json_t *decoded =
        type == FIELD_TEXT_MAP ? decode_text(content) : decode_texts(decoder, content);
    AUTO_FREE char *name = mem_strndup((const char *)key.at, key.len);
    return json_object_set_new(map, name, decoded) == 0;
}

/* Go's zero time has no fields at all: it is left out. */
static bool add_time(json_t *object, const struct field *field, struct bytes in)
{
    struct value value;
    int64_t seconds = 0;
    int64_t nanos = 0;
    char text[CLOCK_TEXT_SIZE];
    while (in.len > 0) {
        if (!take_value(&in, &value))
            return false;
        if (value.number == 1)
            seconds = (int64_t)value.varint;
        else if (value.number == 2)
            nanos = (int64_t)value.varint;
    }
    if (seconds <= 0 || seconds > TIME_MAX || nanos < 0 || nanos >= NANOS)
        return true;
    clock_format(seconds * 1000, text);
    if (field->type == FIELD_TIME)
        return json_object_set_new(object, field->name, json_string(text)) == 0;
    AUTO_FREE char *fine =
        mem_printf("%.*s.%06dZ", (int)strlen(text) - 1, text, (int)(nanos / 1000));
    return json_object_set_new(object, field->name, json_string(fine)) == 0;
}

/* FieldsV1: its bytes are JSON. */
static json_t *decode_json(struct bytes in)
{
    struct bytes raw = {(const unsigned char *)"null", 4};
    struct value value;
    struct err err = {0};
    while (in.len > 0) {
        if (!take_value(&in, &value))
            return NULL;
        if (value.number == 1 && value.wire == 2)
            raw = value.bytes;
    }
    return json_parse((const char *)raw.at, raw.len, false, &err);
}

static json_t *container(json_t *object, const struct field *field, bool list)
{
    json_t *present = json_object_get(object, field->name);
    if (present)
        return present;
    json_object_set_new(object, field->name, list ? json_array() : json_object());
    return json_object_get(object, field->name);
}

/* Go writes the zero values of fields that are no pointers, and leaves them out of JSON. */
static bool add_scalar(json_t *object, const struct field *field, const struct value *value)
{
    if (value->wire != 0)
        return false;
    if (value->varint == 0 && !field->optional)
        return true;
    json_t *scalar = field->type == FIELD_BOOL ? json_boolean(value->varint != 0)
                                               : json_integer((json_int_t)value->varint);
    return json_object_set_new(object, field->name, scalar) == 0;
}

static bool add_text(json_t *object, const struct field *field, struct bytes bytes)
{
    if (bytes.len == 0 && !field->optional)
        return true;
    return json_object_set_new(object, field->name, decode_text(bytes)) == 0;
}

static bool add_field(struct decoder *decoder, json_t *object, const struct field *field,
                      const struct value *value)
{
    struct bytes bytes = value->bytes;
    if (field->type == FIELD_INT || field->type == FIELD_BOOL)
        return add_scalar(object, field, value);
    if (value->wire != 2)
        return false;
    switch (field->type) {
    case FIELD_TEXT:
        return add_text(object, field, bytes);
    case FIELD_TIME:
    case FIELD_MICRO_TIME:
        return add_time(object, field, bytes);
    case FIELD_JSON:
        return json_object_set_new(object, field->name, decode_json(bytes)) == 0;
    case FIELD_TEXTS:
        return json_array_append_new(container(object, field, true), decode_text(bytes)) == 0;
    case FIELD_TEXT_MAP:
    case FIELD_TEXTS_MAP:
        return add_entry(decoder, container(object, field, false), field->type, bytes);
    case FIELD_MESSAGE:
        return json_object_set_new(object, field->name,
                                   decode_message(decoder, bytes, field->message)) == 0;
    case FIELD_MESSAGES:
        return json_array_append_new(container(object, field, true),
                                     decode_message(decoder, bytes, field->message)) == 0;
    case FIELD_INT:
    case FIELD_BOOL:
        break;
    }
    return false;
}

static bool decode_fields(struct decoder *decoder, json_t *object, struct bytes in,
                          const struct field *fields)
{
    struct value value;
    while (in.len > 0) {
        if (!take_value(&in, &value) || ++decoder->values > VALUES_MAX)
            return false;
        const struct field *field = fields;
        while (field->number != 0 && field->number != value.number)
            field++;
        if (field->number != 0 && !add_field(decoder, object, field, &value))
            return false;
    }
    return true;
}

static json_t *decode_message(struct decoder *decoder, struct bytes in, const struct field *fields)
{
    json_t *object = json_object();
    decoder->depth++;
    bool good = decoder->depth <= DEPTH_MAX && decode_fields(decoder, object, in, fields);
    decoder->depth--;
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

/* -------------------------------------------------------------------------------- envelope */

/* The type and the raw bytes of runtime.Unknown. */
static bool open_envelope(struct bytes in, json_t **ret_type, struct bytes *ret_raw)
{
    struct value value;
    *ret_type = NULL;
    while (in.len > 0) {
        if (!take_value(&in, &value))
            return false;
        if (value.number == 1 && value.wire == 2 && !*ret_type)
            *ret_type = decode_message(&(struct decoder){0}, value.bytes, type_meta);
        else if (value.number == 2 && value.wire == 2)
            *ret_raw = value.bytes;
    }
    return *ret_type != NULL;
}

json_t *protobuf_decode(const char *data, size_t len, struct err *err)
{
    struct bytes raw = {(const unsigned char *)"", 0};
    json_t *type = NULL;
    json_t *object = NULL;
    if (len < 4 || memcmp(data, "k8s", 4) != 0 ||
        !open_envelope((struct bytes){(const unsigned char *)data + 4, len - 4}, &type, &raw)) {
        json_decref(type);
        err_set(err, ERR_INVALID, "the body is no Kubernetes protobuf message");
        return NULL;
    }
    const char *api_version = json_string_value(json_object_get(type, "apiVersion"));
    const char *kind = json_string_value(json_object_get(type, "kind"));
    const struct field *fields = protobuf_fields(api_version, kind);
    if (!fields)
        err_set(err, ERR_UNSUPPORTED, "%s in protobuf is not served", kind ? kind : "this type");
    else if (!(object = decode_message(&(struct decoder){0}, raw, fields)))
        err_set(err, ERR_INVALID, "the protobuf message is malformed");
    if (object)
        json_object_update(object, type);
    json_decref(type);
    return object;
}
