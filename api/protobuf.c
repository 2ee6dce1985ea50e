#include "protobuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#define DEPTH_MAX 16

enum field_type {
    FIELD_TEXT,
    FIELD_INT,
    FIELD_BOOL,
    FIELD_TEXTS,
    FIELD_TEXT_MAP,
    FIELD_TIME,
    FIELD_MESSAGE,
    FIELD_MESSAGES
};

struct field {
    unsigned number;
    const char *name;
    enum field_type type;
    const struct field *message; /* ends with number 0 */
};

static const struct field owner_reference[] = {
    {1, "kind", FIELD_TEXT, NULL},       {3, "name", FIELD_TEXT, NULL},
    {4, "uid", FIELD_TEXT, NULL},        {5, "apiVersion", FIELD_TEXT, NULL},
    {6, "controller", FIELD_BOOL, NULL}, {7, "blockOwnerDeletion", FIELD_BOOL, NULL},
    {0, NULL, FIELD_TEXT, NULL}};

static const struct field object_meta[] = {{1, "name", FIELD_TEXT, NULL},
                                           {2, "generateName", FIELD_TEXT, NULL},
                                           {3, "namespace", FIELD_TEXT, NULL},
                                           {5, "uid", FIELD_TEXT, NULL},
                                           {6, "resourceVersion", FIELD_TEXT, NULL},
                                           {7, "generation", FIELD_INT, NULL},
                                           {8, "creationTimestamp", FIELD_TIME, NULL},
                                           {11, "labels", FIELD_TEXT_MAP, NULL},
                                           {12, "annotations", FIELD_TEXT_MAP, NULL},
                                           {13, "ownerReferences", FIELD_MESSAGES, owner_reference},
                                           {14, "finalizers", FIELD_TEXTS, NULL},
                                           {0, NULL, FIELD_TEXT, NULL}};

static const struct field namespace_spec[] = {{1, "finalizers", FIELD_TEXTS, NULL},
                                              {0, NULL, FIELD_TEXT, NULL}};
static const struct field namespace_status[] = {{1, "phase", FIELD_TEXT, NULL},
                                                {0, NULL, FIELD_TEXT, NULL}};
static const struct field namespace_fields[] = {{1, "metadata", FIELD_MESSAGE, object_meta},
                                                {2, "spec", FIELD_MESSAGE, namespace_spec},
                                                {3, "status", FIELD_MESSAGE, namespace_status},
                                                {0, NULL, FIELD_TEXT, NULL}};

static const struct field type_meta[] = {{1, "apiVersion", FIELD_TEXT, NULL},
                                         {2, "kind", FIELD_TEXT, NULL},
                                         {0, NULL, FIELD_TEXT, NULL}};

static const struct {
    const char *api_version, *kind;
    const struct field *fields;
} types[] = {
    {"v1", "Namespace", namespace_fields},
};

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

static json_t *decode_message(struct bytes in, const struct field *fields, int depth);

static json_t *decode_text(struct bytes bytes)
{
    return json_stringn((const char *)bytes.at, bytes.len);
}

/* An entry is a message of key (1) and value (2). */
static bool add_entry(json_t *map, struct bytes in)
{
    AUTO_FREE char *key = mem_strdup("");
    json_t *text = json_string("");
    struct value value;
    bool good = true;
    while (good && in.len > 0) {
        good = take_value(&in, &value) && value.wire == 2;
        if (good && value.number == 1) {
            free(key);
            key = mem_strndup((const char *)value.bytes.at, value.bytes.len);
        } else if (good && value.number == 2) {
            json_decref(text);
            text = decode_text(value.bytes);
        }
    }
    return (text ? json_object_set_new(map, key, text) : -1) == 0 && good;
}

static json_t *decode_time(struct bytes in)
{
    struct value value;
    int64_t seconds = 0;
    char text[CLOCK_TEXT_SIZE];
    while (in.len > 0) {
        if (!take_value(&in, &value))
            return NULL;
        if (value.number == 1)
            seconds = (int64_t)value.varint;
    }
    if (seconds <= 0 || seconds > INT64_C(253402300799))
        return json_null();
    return json_string(clock_format(seconds * 1000, text));
}

static json_t *container(json_t *object, const struct field *field, bool list)
{
    json_t *present = json_object_get(object, field->name);
    if (present)
        return present;
    json_object_set_new(object, field->name, list ? json_array() : json_object());
    return json_object_get(object, field->name);
}

static bool add_scalar(json_t *object, const struct field *field, const struct value *value)
{
    if (value->wire != 0)
        return false;
    json_t *scalar = field->type == FIELD_BOOL ? json_boolean(value->varint != 0)
                                               : json_integer((json_int_t)value->varint);
    return json_object_set_new(object, field->name, scalar) == 0;
}

static bool add_field(json_t *object, const struct field *field, const struct value *value,
                      int depth)
{
    if (field->type == FIELD_INT || field->type == FIELD_BOOL)
        return add_scalar(object, field, value);
    if (value->wire != 2)
        return false;
    switch (field->type) {
    case FIELD_TEXT:
        return json_object_set_new(object, field->name, decode_text(value->bytes)) == 0;
    case FIELD_TIME:
        return json_object_set_new(object, field->name, decode_time(value->bytes)) == 0;
    case FIELD_TEXTS:
        return json_array_append_new(container(object, field, true), decode_text(value->bytes)) ==
               0;
    case FIELD_TEXT_MAP:
        return add_entry(container(object, field, false), value->bytes);
    case FIELD_MESSAGE:
        return json_object_set_new(object, field->name,
                                   decode_message(value->bytes, field->message, depth)) == 0;
    case FIELD_MESSAGES:
        return json_array_append_new(container(object, field, true),
                                     decode_message(value->bytes, field->message, depth)) == 0;
    case FIELD_INT:
    case FIELD_BOOL:
        break;
    }
    return false;
}

static json_t *decode_message(struct bytes in, const struct field *fields, int depth)
{
    json_t *object = json_object();
    struct value value;
    bool good = depth < DEPTH_MAX;
    while (good && in.len > 0) {
        good = take_value(&in, &value);
        const struct field *field = fields;
        while (good && field->number != 0 && field->number != value.number)
            field++;
        if (good && field->number != 0)
            good = add_field(object, field, &value, depth + 1);
    }
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

/* -------------------------------------------------------------------------------- envelope */

static const struct field *fields_of(const char *api_version, const char *kind)
{
    for (size_t i = 0; api_version && kind && i < MOT_ARRAY_SIZE(types); i++)
        if (strcmp(types[i].api_version, api_version) == 0 && strcmp(types[i].kind, kind) == 0)
            return types[i].fields;
    return NULL;
}

/* The type and the raw bytes of runtime.Unknown. */
static bool open_envelope(struct bytes in, json_t **ret_type, struct bytes *ret_raw)
{
    struct value value;
    *ret_type = NULL;
    while (in.len > 0) {
        if (!take_value(&in, &value))
            return false;
        if (value.number == 1 && value.wire == 2 && !*ret_type)
            *ret_type = decode_message(value.bytes, type_meta, 0);
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
    const struct field *fields = fields_of(api_version, kind);
    if (!fields)
        err_set(err, ERR_UNSUPPORTED, "%s in protobuf is not served", kind ? kind : "this type");
    else if (!(object = decode_message(raw, fields, 0)))
        err_set(err, ERR_INVALID, "the protobuf message is malformed");
    if (object)
        json_object_update(object, type);
    json_decref(type);
    return object;
}
