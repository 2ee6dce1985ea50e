/* ObjectMeta as a table: what is known, of which type, and what becomes of it when a body is
 * decoded. */
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "schema_internal.h"

enum meta_type {
    META_STRING,
    META_INTEGER,
    META_BOOLEAN,
    META_TIME,
    META_STRING_MAP,
    META_STRINGS,
    META_LIST,
    META_RAW
};

struct meta_field {
    const char *name;
    enum meta_type type;
    const char *go_type;
    const struct meta_field *members; /* of the items of a list */
};

static const struct meta_field owner_fields[] = {
    {"apiVersion", META_STRING, "string", NULL},
    {"kind", META_STRING, "string", NULL},
    {"name", META_STRING, "string", NULL},
    {"uid", META_STRING, "types.UID", NULL},
    {"controller", META_BOOLEAN, "bool", NULL},
    {"blockOwnerDeletion", META_BOOLEAN, "bool", NULL},
    {NULL, META_RAW, NULL, NULL},
};

static const struct meta_field managed_fields[] = {
    {"manager", META_STRING, "string", NULL},
    {"operation", META_STRING, "v1.ManagedFieldsOperationType", NULL},
    {"apiVersion", META_STRING, "string", NULL},
    {"time", META_TIME, "string", NULL},
    {"fieldsType", META_STRING, "string", NULL},
    {"fieldsV1", META_RAW, "", NULL},
    {"subresource", META_STRING, "string", NULL},
    {NULL, META_RAW, NULL, NULL},
};

static const struct meta_field fields[] = {
    {"name", META_STRING, "string", NULL},
    {"generateName", META_STRING, "string", NULL},
    {"namespace", META_STRING, "string", NULL},
    {"selfLink", META_STRING, "string", NULL},
    {"uid", META_STRING, "types.UID", NULL},
    {"resourceVersion", META_STRING, "string", NULL},
    {"generation", META_INTEGER, "int64", NULL},
    {"creationTimestamp", META_TIME, "string", NULL},
    {"deletionTimestamp", META_TIME, "string", NULL},
    {"deletionGracePeriodSeconds", META_INTEGER, "int64", NULL},
    {"labels", META_STRING_MAP, "map[string]string", NULL},
    {"annotations", META_STRING_MAP, "map[string]string", NULL},
    {"ownerReferences", META_LIST, "[]v1.OwnerReference", owner_fields},
    {"finalizers", META_STRINGS, "[]string", NULL},
    {"managedFields", META_LIST, "[]v1.ManagedFieldsEntry", managed_fields},
    {NULL, META_RAW, NULL, NULL},
};

static const struct meta_field *find_field(const struct meta_field *table, const char *name)
{
    for (; table->name; table++) {
        if (strcmp(table->name, name) == 0)
            return table;
    }
    return NULL;
}

/* ---- types ---- */

static const char *json_name(const json_t *value)
{
    if (json_is_object(value))
        return "object";
    if (json_is_array(value))
        return "array";
    if (json_is_string(value))
        return "string";
    return json_is_number(value) ? "number" : "bool";
}

/* Where a value is; put together only when there is something wrong with it. */
struct place {
    const char *prefix; /* "" or "ownerReferences." */
    const char *key;
};

static int wrong_type(const json_t *value, struct place place, const char *go_type, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "json: cannot unmarshal %s into Go struct field ObjectMeta.%s%s of type %s",
                   json_name(value), place.prefix, place.key, go_type);
}

static int check_strings(const json_t *value, struct place place, struct err *err)
{
    const char *key;
    json_t *item;
    size_t index;
    json_object_foreach(json_mutable(value), key, item)
    {
        if (!json_is_string(item) && !json_is_null(item))
            return wrong_type(item, place, "string", err);
    }
    json_array_foreach(value, index, item)
    {
        if (!json_is_string(item) && !json_is_null(item))
            return wrong_type(item, place, "string", err);
    }
    return 0;
}

static int check_time(const json_t *value, struct place place, struct err *err)
{
    if (!json_is_string(value))
        return wrong_type(value, place, "string", err);
    return check_go_time(json_string_value(value), err);
}

static int check_members(const struct meta_field *table, const json_t *object, const char *prefix,
                         struct err *err);

static int check_items(const struct meta_field *field, const json_t *array, struct place place,
                       struct err *err)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        if (!json_is_object(item))
            return wrong_type(item, place, field->go_type + 2, err);
        AUTO_FREE char *prefix = mem_printf("%s.", place.key);
        if (check_members(field->members, item, prefix, err) != 0)
            return -1;
    }
    return 0;
}

static int check_value(const struct meta_field *field, const json_t *value, struct place place,
                       struct err *err)
{
    bool ok = true;
    switch (field->type) {
    case META_STRING:
        ok = json_is_string(value);
        break;
    case META_INTEGER:
        ok = json_is_integer(value);
        break;
    case META_BOOLEAN:
        ok = json_is_boolean(value);
        break;
    case META_TIME:
        return check_time(value, place, err);
    case META_STRING_MAP:
        if (json_is_object(value))
            return check_strings(value, place, err);
        ok = false;
        break;
    case META_STRINGS:
        if (json_is_array(value))
            return check_strings(value, place, err);
        ok = false;
        break;
    case META_LIST:
        if (json_is_array(value))
            return check_items(field, value, place, err);
        ok = false;
        break;
    case META_RAW:
        break;
    }
    return ok ? 0 : wrong_type(value, place, field->go_type, err);
}

static int check_members(const struct meta_field *table, const json_t *object, const char *prefix,
                         struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_mutable(object), key, value)
    {
        const struct meta_field *field = find_field(table, key);
        if (!field || json_is_null(value))
            continue;
        if (check_value(field, value, (struct place){prefix, key}, err) != 0)
            return -1;
    }
    return 0;
}

int schema_check_types(const struct schema *schema, const json_t *object, struct err *err)
{
    if (schema_check_metadata(object, err) != 0)
        return -1;
    return check_embedded_types(schema->root, object, err);
}

int schema_check_metadata(const json_t *object, struct err *err)
{
    const json_t *metadata = json_object_get(object, "metadata");
    if (!metadata || json_is_null(metadata))
        return 0;
    if (!json_is_object(metadata))
        return err_set(err, ERR_INVALID,
                       "json: cannot unmarshal %s into Go value of type v1.ObjectMeta",
                       json_name(metadata));
    return check_members(fields, metadata, "", err);
}

/* ---- decoding ---- */

static void prune_members(json_t *object, const struct meta_field *table, const struct path *parent,
                          struct texts *unknown);

static bool is_empty(const json_t *value)
{
    if (json_is_string(value))
        return json_string_length(value) == 0;
    if (json_is_integer(value))
        return json_integer_value(value) == 0;
    return json_is_null(value) || (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static void replace_null_strings(json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;
    json_object_foreach(value, key, item)
    {
        if (json_is_null(item))
            json_object_set_new(value, key, json_string(""));
    }
    json_array_foreach(value, index, item)
    {
        if (json_is_null(item))
            json_array_set_new(value, index, json_string(""));
    }
}

/* UTC, whole seconds. */
static void normalize_time(json_t *value)
{
    char text[CLOCK_TEXT_SIZE];
    int64_t time;
    struct err ignored;
    if (json_is_string(value) && clock_parse(json_string_value(value), &time, &ignored) == 0)
        json_string_set(value, clock_format(time, text));
}

static void prune_value(json_t *value, const struct meta_field *field, const struct path *path,
                        struct texts *unknown)
{
    size_t index;
    json_t *item;
    if (field->type == META_TIME)
        normalize_time(value);
    if (field->type == META_STRING_MAP || field->type == META_STRINGS)
        replace_null_strings(value);
    if (field->type != META_LIST)
        return;
    json_array_foreach(value, index, item)
    {
        struct path at = {.parent = path, .index = index};
        prune_members(item, field->members, &at, unknown);
    }
}

/* Zero is a value only where the field is a pointer in Go. */
static bool disappears(const struct meta_field *field, const json_t *value)
{
    bool pointer = strcmp(field->name, "deletionGracePeriodSeconds") == 0;
    return json_is_null(value) || (!pointer && is_empty(value));
}

static void prune_members(json_t *object, const struct meta_field *table, const struct path *parent,
                          struct texts *unknown)
{
    const char *key;
    json_t *value;
    void *next;
    bool top = table == fields;
    struct err err;
    json_object_foreach_safe(object, next, key, value)
    {
        const struct meta_field *field = find_field(table, key);
        struct path path = {.parent = parent, .key = key};
        if (!field) {
            AUTO_FREE char *text = path_text(&path);
            if (unknown)
                texts_addf(unknown, "unknown field \"%s\"", text);
            json_object_del(object, key);
        } else if (!top && json_is_null(value) && table == owner_fields &&
                   field->type == META_STRING) {
            json_object_set_new(object, key, json_string("")); /* a Go string can't be null */
        } else if ((top && disappears(field, value)) || json_is_null(value) ||
                   check_value(field, value, (struct place){"", key}, &err) != 0) {
            json_object_del(object, key);
        } else {
            prune_value(value, field, &path, unknown);
        }
    }
}

void prune_metadata(json_t *object, const struct path *parent, struct texts *unknown)
{
    struct path path = {.parent = parent, .key = "metadata"};
    json_t *metadata = json_object_get(object, "metadata");
    if (metadata && !json_is_object(metadata))
        json_object_del(object, "metadata");
    prune_members(json_object_get(object, "metadata"), fields, &path, unknown);
}
