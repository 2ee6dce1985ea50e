/*
 * Whether a schema is one that a CRD may have: known keywords of the right form, and structural
 * (every field has its type outside of allOf, anyOf, oneOf and not). A kube-apiserver checks this
 * when a CRD is written, with about these words; here a kind that fails is not loaded. Keywords
 * that are unknown there only warn; here they are refused, because nobody would see the warning.
 */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "schema_internal.h"

enum form {
    FORM_ANY,
    FORM_TEXT,
    FORM_TEXTS,
    FORM_FLAG,
    FORM_NUMBER,
    FORM_COUNT,
    FORM_ARRAY,
    FORM_SCHEMA,
    FORM_SCHEMAS,
    FORM_MEMBERS,
    FORM_SCHEMA_OR_FLAG,
    FORM_REFUSED,
};

static const struct keyword {
    const char *name;
    enum form form;
    bool inner;      /* may stand inside of allOf, anyOf, oneOf and not */
    const char *why; /* it is refused */
} keywords[] = {
    {"type", FORM_TEXT, false, NULL},
    {"nullable", FORM_FLAG, false, NULL},
    {"default", FORM_ANY, false, NULL},
    {"description", FORM_TEXT, false, NULL},
    {"title", FORM_TEXT, false, NULL},
    {"example", FORM_ANY, true, NULL},
    {"externalDocs", FORM_ANY, true, NULL},
    {"format", FORM_TEXT, true, NULL},
    {"enum", FORM_ARRAY, true, NULL},
    {"minimum", FORM_NUMBER, true, NULL},
    {"maximum", FORM_NUMBER, true, NULL},
    {"exclusiveMinimum", FORM_FLAG, true, NULL},
    {"exclusiveMaximum", FORM_FLAG, true, NULL},
    {"multipleOf", FORM_NUMBER, true, NULL},
    {"minLength", FORM_COUNT, true, NULL},
    {"maxLength", FORM_COUNT, true, NULL},
    {"pattern", FORM_TEXT, true, NULL},
    {"minItems", FORM_COUNT, true, NULL},
    {"maxItems", FORM_COUNT, true, NULL},
    {"minProperties", FORM_COUNT, true, NULL},
    {"maxProperties", FORM_COUNT, true, NULL},
    {"required", FORM_TEXTS, true, NULL},
    {"properties", FORM_MEMBERS, true, NULL},
    {"additionalProperties", FORM_SCHEMA_OR_FLAG, false, NULL},
    {"items", FORM_SCHEMA, true, NULL},
    {"allOf", FORM_SCHEMAS, true, NULL},
    {"anyOf", FORM_SCHEMAS, true, NULL},
    {"oneOf", FORM_SCHEMAS, true, NULL},
    {"not", FORM_SCHEMA, true, NULL},
    {"x-kubernetes-preserve-unknown-fields", FORM_FLAG, false, NULL},
    {"x-kubernetes-embedded-resource", FORM_FLAG, false, NULL},
    {"x-kubernetes-int-or-string", FORM_FLAG, false, NULL},
    {"x-kubernetes-list-type", FORM_TEXT, false, NULL},
    {"x-kubernetes-list-map-keys", FORM_TEXTS, false, NULL},
    {"x-kubernetes-map-type", FORM_TEXT, false, NULL},
    {"x-kubernetes-validations", FORM_REFUSED, false, "rules in CEL are not supported"},
    {"uniqueItems", FORM_REFUSED, false, "use x-kubernetes-list-type: set"},
    {"$ref", FORM_REFUSED, false, "references are not supported"},
    {"$schema", FORM_REFUSED, false, "must not be set"},
    {"id", FORM_REFUSED, false, "must not be set"},
    {"definitions", FORM_REFUSED, false, "must not be set"},
    {"dependencies", FORM_REFUSED, false, "must not be set"},
    {"patternProperties", FORM_REFUSED, false, "must not be set"},
    {"additionalItems", FORM_REFUSED, false, "must not be set"},
};

enum level { LEVEL_ROOT, LEVEL_FIELD, LEVEL_ITEM };

struct walk {
    struct buf path;
    int depth;
    struct err *err;
};

static int check_outer(struct walk *walk, const json_t *schema, enum level level);
static int check_inner(struct walk *walk, const json_t *schema, const json_t *outer);

/* ---- where ---- */

/* Goes to a member; what leave() wants back. */
static size_t enter(struct walk *walk, const char *name)
{
    size_t before = walk->path.len;
    buf_addf(&walk->path, "%s%s", before > 0 ? "." : "", name);
    walk->depth++;
    return before;
}

static size_t enter_key(struct walk *walk, const char *name, const char *key)
{
    size_t before = enter(walk, name);
    buf_addf(&walk->path, "[%s]", key);
    return before;
}

static size_t enter_index(struct walk *walk, const char *name, size_t index)
{
    size_t before = enter(walk, name);
    buf_addf(&walk->path, "[%zu]", index);
    return before;
}

static void leave(struct walk *walk, size_t before)
{
    walk->path.len = before;
    walk->path.data[before] = '\0';
    walk->depth--;
}

static int refuse(struct walk *walk, const char *member, const char *what)
{
    const char *path = walk->path.len > 0 ? walk->path.data : "";
    const char *dot = *path && *member ? "." : "";
    return err_set(walk->err, ERR_INVALID, "%s%s%s: %s", path, dot, member, what);
}

/* ---- forms ---- */

static bool is_flag(const json_t *schema, const char *name)
{
    return json_is_true(json_object_get(schema, name));
}

static const char *text_of(const json_t *schema, const char *name)
{
    const char *text = json_string_value(json_object_get(schema, name));
    return text ? text : "";
}

static bool all_are(const json_t *array, json_type type)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        if (json_typeof(item) != type)
            return false;
    }
    return json_is_array(array);
}

static bool all_members_are_objects(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_mutable(object), key, value)
    {
        if (!json_is_object(value))
            return false;
    }
    return json_is_object(object);
}

/* NULL when @value has the form, otherwise what it should be. */
static const char *misses_form(enum form form, const json_t *value)
{
    switch (form) {
    case FORM_TEXT:
        return json_is_string(value) ? NULL : "must be a string";
    case FORM_TEXTS:
        return all_are(value, JSON_STRING) ? NULL : "must be a list of strings";
    case FORM_FLAG:
        return json_is_boolean(value) ? NULL : "must be true or false";
    case FORM_NUMBER:
        return json_is_number(value) ? NULL : "must be a number";
    case FORM_COUNT:
        return json_is_integer(value) && json_integer_value(value) >= 0
                   ? NULL
                   : "must be an integer, not less than 0";
    case FORM_ARRAY:
        return json_is_array(value) ? NULL : "must be a list";
    case FORM_SCHEMA:
        return json_is_object(value) ? NULL : "must be a schema object";
    case FORM_SCHEMAS:
        return all_are(value, JSON_OBJECT) ? NULL : "must be a list of schema objects";
    case FORM_MEMBERS:
        return all_members_are_objects(value) ? NULL : "must be an object of schema objects";
    case FORM_SCHEMA_OR_FLAG:
        return json_is_object(value) || json_is_boolean(value)
                   ? NULL
                   : "must be a schema object, true or false";
    case FORM_ANY:
    case FORM_REFUSED:
        break;
    }
    return NULL;
}

static const struct keyword *find_keyword(const char *name)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(keywords); i++) {
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    }
    return NULL;
}

static int check_keyword(struct walk *walk, const char *name, const json_t *value, bool inner)
{
    const struct keyword *keyword = find_keyword(name);
    if (!keyword)
        return refuse(walk, name, "unknown keyword");
    if (keyword->form == FORM_REFUSED) {
        bool unset = json_is_false(value) && strcmp(name, "uniqueItems") == 0;
        return unset ? 0 : refuse(walk, name, keyword->why);
    }
    const char *problem = misses_form(keyword->form, value);
    if (problem)
        return refuse(walk, name, problem);
    if (inner && !keyword->inner)
        return refuse(walk, name, "must not be set inside of allOf, anyOf, oneOf and not");
    return 0;
}

static int check_keywords(struct walk *walk, const json_t *schema, bool inner)
{
    struct json_entry *entries = json_sorted_entries(schema);
    size_t count = json_object_size(schema);
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = check_keyword(walk, entries[i].key, entries[i].value, inner);
    free(entries);
    return result;
}

/* ---- inside of allOf, anyOf, oneOf and not ---- */

static bool is_one_of(const char *text, const char *const *texts)
{
    for (; *texts; texts++) {
        if (strcmp(*texts, text) == 0)
            return true;
    }
    return false;
}

/* [{type: integer}, {type: string}], as many generators write it beside x-kubernetes-int-or-string.
 */
static bool is_int_or_string_pair(const json_t *array)
{
    const json_t *first = json_array_get(array, 0);
    const json_t *second = json_array_get(array, 1);
    return json_array_size(array) == 2 && json_object_size(first) == 1 &&
           json_object_size(second) == 1 && strcmp(text_of(first, "type"), "integer") == 0 &&
           strcmp(text_of(second, "type"), "string") == 0;
}

/* @outer: the schema around, in which what is mentioned must be declared; NULL: it need not. */
static int check_junctor(struct walk *walk, const json_t *schema, const char *name,
                         const json_t *outer)
{
    size_t index;
    json_t *item;
    int result = 0;
    json_array_foreach(json_object_get(schema, name), index, item)
    {
        size_t before = enter_index(walk, name, index);
        result = check_inner(walk, item, outer);
        leave(walk, before);
        if (result != 0)
            return result;
    }
    return 0;
}

static int check_not(struct walk *walk, const json_t *schema, const json_t *outer)
{
    const json_t *inner = json_object_get(schema, "not");
    if (!inner)
        return 0;
    size_t before = enter(walk, "not");
    int result = check_inner(walk, inner, outer);
    leave(walk, before);
    return result;
}

/* The first element of allOf may hold the pair. */
static int check_all_of(struct walk *walk, const json_t *schema, const json_t *outer)
{
    const json_t *all = json_object_get(schema, "allOf");
    const json_t *first = json_array_get(all, 0);
    if (!is_flag(schema, "x-kubernetes-int-or-string") ||
        !is_int_or_string_pair(json_object_get(first, "anyOf")))
        return check_junctor(walk, schema, "allOf", outer);
    json_t *rest = json_copy(json_mutable(schema));
    json_t *others = json_copy(json_mutable(all));
    json_array_remove(others, 0);
    json_object_set_new(rest, "allOf", others);
    int result = check_junctor(walk, rest, "allOf", outer);
    json_decref(rest);
    return result;
}

static int check_junctors(struct walk *walk, const json_t *schema, const json_t *outer)
{
    bool pair = is_flag(schema, "x-kubernetes-int-or-string") &&
                is_int_or_string_pair(json_object_get(schema, "anyOf"));
    if (check_all_of(walk, schema, outer) != 0 ||
        (!pair && check_junctor(walk, schema, "anyOf", outer) != 0) ||
        check_junctor(walk, schema, "oneOf", outer) != 0)
        return -1;
    return check_not(walk, schema, outer);
}

static int check_inner_property(struct walk *walk, const char *key, const json_t *schema,
                                const json_t *outer)
{
    const json_t *declared = json_object_get(json_object_get(outer, "properties"), key);
    size_t before = enter_key(walk, "properties", key);
    int result = outer && !declared
                     ? refuse(walk, "", "must also be declared outside of allOf, anyOf, oneOf, not")
                     : check_inner(walk, schema, declared);
    leave(walk, before);
    return result;
}

static int check_inner(struct walk *walk, const json_t *schema, const json_t *outer)
{
    const char *key;
    json_t *value;
    const json_t *items = json_object_get(schema, "items");
    if (walk->depth > SCHEMA_DEPTH_MAX)
        return refuse(walk, "", "the schema nests too deep");
    if (check_keywords(walk, schema, true) != 0 || check_junctors(walk, schema, outer) != 0)
        return -1;
    json_object_foreach(json_object_get(schema, "properties"), key, value)
    {
        if (check_inner_property(walk, key, value, outer) != 0)
            return -1;
    }
    if (!items)
        return 0;
    size_t before = enter(walk, "items");
    int result = check_inner(walk, items, json_object_get(outer, "items"));
    leave(walk, before);
    return result;
}

/* ---- lists and maps ---- */

static bool is_scalar_type(const json_t *schema)
{
    static const char *const types[] = {"string", "integer", "number", "boolean", NULL};
    return is_one_of(text_of(schema, "type"), types) ||
           is_flag(schema, "x-kubernetes-int-or-string");
}

static bool is_atomic(const json_t *schema)
{
    const char *type = text_of(schema, "type");
    const char *list = text_of(schema, "x-kubernetes-list-type");
    if (strcmp(type, "array") == 0)
        return *list == '\0' || strcmp(list, "atomic") == 0;
    return strcmp(type, "object") == 0 &&
           strcmp(text_of(schema, "x-kubernetes-map-type"), "atomic") == 0;
}

static bool requires(const json_t *schema, const char *name)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(schema, "required"), index, item)
    {
        if (strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

static int check_map_key(struct walk *walk, const json_t *items, const char *name)
{
    const json_t *key = json_object_get(json_object_get(items, "properties"), name);
    AUTO_FREE char *member = mem_printf("items.properties[%s]", name);
    if (!key)
        return refuse(walk, member, "must be declared, it is in x-kubernetes-list-map-keys");
    if (!is_scalar_type(key))
        return refuse(walk, member, "must be scalar, it is in x-kubernetes-list-map-keys");
    if (is_flag(key, "nullable"))
        return refuse(walk, member, "must not be nullable, it is in x-kubernetes-list-map-keys");
    if (!requires(items, name) && !json_object_get(key, "default"))
        return refuse(walk, member,
                      "must have a default or be required, it is in x-kubernetes-list-map-keys");
    return 0;
}

static int check_map_list(struct walk *walk, const json_t *schema)
{
    const json_t *keys = json_object_get(schema, "x-kubernetes-list-map-keys");
    const json_t *items = json_object_get(schema, "items");
    size_t index;
    json_t *key;
    if (json_array_size(keys) == 0)
        return refuse(walk, "x-kubernetes-list-map-keys",
                      "must not be empty if x-kubernetes-list-type is map");
    if (strcmp(text_of(items, "type"), "object") != 0)
        return refuse(walk, "items.type", "must be object if x-kubernetes-list-type is map");
    if (is_flag(items, "nullable"))
        return refuse(walk, "items.nullable", "must be false if x-kubernetes-list-type is map");
    json_array_foreach(keys, index, key)
    {
        if (check_map_key(walk, items, json_string_value(key)) != 0)
            return -1;
    }
    return 0;
}

static int check_list_type(struct walk *walk, const json_t *schema)
{
    static const char *const known[] = {"", "atomic", "set", "map", NULL};
    const char *type = text_of(schema, "x-kubernetes-list-type");
    const json_t *items = json_object_get(schema, "items");
    if (!is_one_of(type, known))
        return refuse(walk, "x-kubernetes-list-type", "must be atomic, set or map");
    if (*type && strcmp(text_of(schema, "type"), "array") != 0)
        return refuse(walk, "type", "must be array if x-kubernetes-list-type is set");
    if (strcmp(type, "map") == 0)
        return check_map_list(walk, schema);
    if (json_object_get(schema, "x-kubernetes-list-map-keys"))
        return refuse(walk, "x-kubernetes-list-map-keys",
                      "must be empty if x-kubernetes-list-type is not map");
    if (strcmp(type, "set") == 0 && !is_scalar_type(items) && !is_atomic(items))
        return refuse(walk, "items", "must be scalar or atomic if x-kubernetes-list-type is set");
    return 0;
}

static int check_map_type(struct walk *walk, const json_t *schema)
{
    static const char *const known[] = {"", "granular", "atomic", NULL};
    const char *type = text_of(schema, "x-kubernetes-map-type");
    if (!is_one_of(type, known))
        return refuse(walk, "x-kubernetes-map-type", "must be granular or atomic");
    if (*type && strcmp(text_of(schema, "type"), "object") != 0)
        return refuse(walk, "type", "must be object if x-kubernetes-map-type is set");
    return 0;
}

/* ---- outside ---- */

static int check_type(struct walk *walk, const json_t *schema, enum level level)
{
    static const char *const known[] = {"array",  "boolean", "integer", "number",
                                        "object", "string",  NULL};
    static const char *const missing[] = {"must not be empty at the root",
                                          "must not be empty for specified object fields",
                                          "must not be empty for specified array items"};
    const char *type = text_of(schema, "type");
    bool typeless = is_flag(schema, "x-kubernetes-int-or-string") ||
                    is_flag(schema, "x-kubernetes-preserve-unknown-fields");
    if (*type && !is_one_of(type, known))
        return refuse(walk, "type", "must be array, boolean, integer, number, object or string");
    if (!*type && !typeless)
        return refuse(walk, "type", missing[level]);
    if (*type && is_flag(schema, "x-kubernetes-int-or-string"))
        return refuse(walk, "type", "must be empty if x-kubernetes-int-or-string is true");
    if (*type && level == LEVEL_ROOT && strcmp(type, "object") != 0)
        return refuse(walk, "type", "must be object at the root");
    if (strcmp(type, "array") == 0 && !json_object_get(schema, "items"))
        return refuse(walk, "items", "must be specified");
    return 0;
}

static int check_extensions(struct walk *walk, const json_t *schema, enum level level)
{
    bool embedded = is_flag(schema, "x-kubernetes-embedded-resource");
    bool open = is_flag(schema, "x-kubernetes-preserve-unknown-fields");
    bool additional = json_object_get(schema, "additionalProperties") != NULL;
    if (json_is_false(json_object_get(schema, "x-kubernetes-preserve-unknown-fields")))
        return refuse(walk, "x-kubernetes-preserve-unknown-fields", "must be true or undefined");
    if (is_flag(schema, "x-kubernetes-int-or-string") && (open || embedded))
        return refuse(walk, "x-kubernetes-int-or-string",
                      "must not stand with x-kubernetes-preserve-unknown-fields or "
                      "x-kubernetes-embedded-resource");
    if (embedded && strcmp(text_of(schema, "type"), "object") != 0)
        return refuse(walk, "type", "must be object if x-kubernetes-embedded-resource is true");
    if (embedded && additional)
        return refuse(walk, "additionalProperties",
                      "must not be used if x-kubernetes-embedded-resource is set");
    if (embedded && !open && json_object_size(json_object_get(schema, "properties")) == 0)
        return refuse(walk, "properties",
                      "must not be empty if x-kubernetes-embedded-resource is true without "
                      "x-kubernetes-preserve-unknown-fields");
    if (additional && json_object_size(json_object_get(schema, "properties")) > 0)
        return refuse(walk, "additionalProperties", "must not stand with properties");
    if (level != LEVEL_ROOT)
        return 0;
    if (additional)
        return refuse(walk, "additionalProperties", "must not be used at the root");
    return is_flag(schema, "nullable") ? refuse(walk, "nullable", "must be false at the root") : 0;
}

/* The server knows metadata by itself; a kind may only say more about names. */
static int check_root_metadata(struct walk *walk, const json_t *schema)
{
    const json_t *metadata = json_object_get(json_object_get(schema, "properties"), "metadata");
    const char *key;
    json_t *value;
    if (!metadata)
        return 0;
    if (strcmp(text_of(metadata, "type"), "object") != 0)
        return refuse(walk, "properties[metadata].type", "must be object");
    json_object_foreach(json_mutable(metadata), key, value)
    {
        if (strcmp(key, "type") != 0 && strcmp(key, "properties") != 0 &&
            strcmp(key, "description") != 0)
            return refuse(walk, "properties[metadata]",
                          "must not specify anything other than name and generateName");
    }
    json_object_foreach(json_object_get(metadata, "properties"), key, value)
    {
        if (strcmp(key, "name") != 0 && strcmp(key, "generateName") != 0)
            return refuse(walk, "properties[metadata]",
                          "must not specify anything other than name and generateName");
    }
    return 0;
}

static int check_member(struct walk *walk, const json_t *schema, const char *name, enum level level)
{
    const json_t *member = json_object_get(schema, name);
    if (!json_is_object(member))
        return 0;
    size_t before = enter(walk, name);
    int result = check_outer(walk, member, level);
    leave(walk, before);
    return result;
}

static int check_members(struct walk *walk, const json_t *schema)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(schema, "properties"), key, value)
    {
        size_t before = enter_key(walk, "properties", key);
        int result = check_outer(walk, value, LEVEL_FIELD);
        leave(walk, before);
        if (result != 0)
            return result;
    }
    if (check_member(walk, schema, "additionalProperties", LEVEL_FIELD) != 0)
        return -1;
    return check_member(walk, schema, "items", LEVEL_ITEM);
}

static int check_outer(struct walk *walk, const json_t *schema, enum level level)
{
    if (walk->depth > SCHEMA_DEPTH_MAX)
        return refuse(walk, "", "the schema nests too deep");
    if (check_keywords(walk, schema, false) != 0 || check_type(walk, schema, level) != 0 ||
        check_extensions(walk, schema, level) != 0 || check_list_type(walk, schema) != 0 ||
        check_map_type(walk, schema) != 0)
        return -1;
    if (level == LEVEL_ROOT && check_root_metadata(walk, schema) != 0)
        return -1;
    if (check_junctors(walk, schema, level == LEVEL_ROOT ? schema : NULL) != 0)
        return -1;
    return check_members(walk, schema);
}

int check_structure(const json_t *open_api, struct err *err)
{
    struct walk walk = {.err = err};
    if (!json_is_object(open_api))
        return err_set(err, ERR_INVALID, "a schema must be an object");
    buf_init(&walk.path, BUF_MAX_DEFAULT);
    int result = check_outer(&walk, open_api, LEVEL_ROOT);
    buf_release(&walk.path);
    return result;
}
