#include "metadata.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <mot/base/clock.h>

enum shape {
    SHAPE_TEXT,
    SHAPE_INT,
    SHAPE_TIME,
    SHAPE_TEXT_MAP,
    SHAPE_TEXT_LIST,
    SHAPE_OBJECT_LIST
};

struct member {
    const char *name;
    enum shape shape;
    const char *go_type;
};

static const struct member meta_members[] = {
    {"name", SHAPE_TEXT, "string"},
    {"generateName", SHAPE_TEXT, "string"},
    {"namespace", SHAPE_TEXT, "string"},
    {"selfLink", SHAPE_TEXT, "string"},
    {"uid", SHAPE_TEXT, "types.UID"},
    {"resourceVersion", SHAPE_TEXT, "string"},
    {"generation", SHAPE_INT, "int64"},
    {"creationTimestamp", SHAPE_TIME, "Time"},
    {"deletionTimestamp", SHAPE_TIME, "Time"},
    {"deletionGracePeriodSeconds", SHAPE_INT, "int64"},
    {"labels", SHAPE_TEXT_MAP, "map[string]string"},
    {"annotations", SHAPE_TEXT_MAP, "map[string]string"},
    {"finalizers", SHAPE_TEXT_LIST, "[]string"},
    {"ownerReferences", SHAPE_OBJECT_LIST, "[]v1.OwnerReference"},
    {"managedFields", SHAPE_OBJECT_LIST, "[]v1.ManagedFieldsEntry"},
};

static const char *go_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        return "null";
    }
    return "value";
}

static int mismatch(const json_t *value, const char *name, const char *go_type, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "json: cannot unmarshal %s into Go struct field ObjectMeta.%s of type %s",
                   go_name(value), name, go_type);
}

/* Of a map or a list: all values are strings; nulls become "". */
static int coerce_texts(json_t *container, const struct member *member, struct err *err)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(container, next, key, value)
    {
        if (json_is_null(value))
            json_object_set_new(container, key, json_string(""));
        else if (!json_is_string(value))
            return mismatch(value, member->name, "string", err);
    }
    for (size_t i = 0; i < json_array_size(container); i++) {
        value = json_array_get(container, i);
        if (json_is_null(value))
            json_array_set_new(container, i, json_string(""));
        else if (!json_is_string(value))
            return mismatch(value, member->name, "string", err);
    }
    return 0;
}

static int coerce_time(const json_t *value, const struct member *member, struct err *err)
{
    int64_t wall_ms;
    if (!json_is_string(value))
        return mismatch(value, member->name, member->go_type, err);
    struct err ignored;
    if (clock_parse(json_string_value(value), &wall_ms, &ignored) < 0)
        return err_set(err, ERR_INVALID,
                       "parsing time \"%s\" as \"2006-01-02T15:04:05Z07:00\": cannot parse",
                       json_string_value(value));
    return 0;
}

static int coerce_objects(const json_t *list, const struct member *member, struct err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_object(item))
            return mismatch(item, member->name, member->go_type + 2, err);
    }
    return 0;
}

static int coerce_member(json_t *value, const struct member *member, struct err *err)
{
    bool fits = false;
    switch (member->shape) {
    case SHAPE_TEXT:
        fits = json_is_string(value);
        break;
    case SHAPE_INT:
        fits = json_is_integer(value);
        break;
    case SHAPE_TIME:
        return coerce_time(value, member, err);
    case SHAPE_TEXT_MAP:
        fits = json_is_object(value);
        break;
    case SHAPE_TEXT_LIST:
    case SHAPE_OBJECT_LIST:
        fits = json_is_array(value);
        break;
    }
    if (!fits)
        return mismatch(value, member->name, member->go_type, err);
    if (member->shape == SHAPE_TEXT_MAP || member->shape == SHAPE_TEXT_LIST)
        return coerce_texts(value, member, err);
    return member->shape == SHAPE_OBJECT_LIST ? coerce_objects(value, member, err) : 0;
}

static bool is_empty(const json_t *value)
{
    return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

int metadata_coerce(json_t *object, struct err *err)
{
    json_t *metadata = json_object_get(object, "metadata");
    if (!metadata || json_is_null(metadata))
        return json_object_set_new(object, "metadata", json_object());
    if (!json_is_object(metadata))
        return err_set(err, ERR_INVALID,
                       "json: cannot unmarshal %s into Go struct field .metadata of type "
                       "v1.ObjectMeta",
                       go_name(metadata));
    for (size_t i = 0; i < sizeof(meta_members) / sizeof(meta_members[0]); i++) {
        const struct member *member = &meta_members[i];
        json_t *value = json_object_get(metadata, member->name);
        if (!value)
            continue;
        if (!json_is_null(value) && coerce_member(value, member, err) < 0)
            return -1;
        if (is_empty(value))
            json_object_del(metadata, member->name);
    }
    return 0;
}
