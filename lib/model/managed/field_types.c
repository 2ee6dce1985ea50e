#include "field_types.h"

#include <string.h>

#include <mot/base/arena.h>
#include <mot/base/mem.h>

#include "internal.h"

#define TYPE_DEPTH_MAX 64
#define TYPES_BYTES    ((size_t)256 << 20)

struct field_types {
    struct arena *arena;
    json_t *kept; /* what the types borrow: defaults of keys */
    const struct field_type *root;
};

struct compiler {
    struct field_types *types;
    struct err *err;
};

static const struct field_type *compile(const struct compiler *compiler, const json_t *schema,
                                        bool preserve, int depth);

static bool flag(const json_t *schema, const char *name)
{
    return json_is_true(json_object_get(schema, name));
}

static const char *text_of(const json_t *schema, const char *name)
{
    const char *text = json_string_value(json_object_get(schema, name));
    return text ? text : "";
}

/* ---- maps ---- */

static int compare_fields(const void *a, const void *b)
{
    const struct type_field *left = a;
    const struct type_field *right = b;
    return strcmp(left->name, right->name);
}

/* What a resource has at its root, and an embedded one as well. */
static size_t add_resource_fields(struct type_field *fields, size_t count)
{
    static const struct type_field added[] = {
        {"apiVersion", &type_string}, {"kind", &type_string}, {"metadata", &type_object_meta}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(added); i++) {
        size_t at = 0;
        while (at < count && strcmp(fields[at].name, added[i].name) != 0)
            at++;
        fields[at] = added[i];
        count += at == count;
    }
    return count;
}

static int compile_fields(const struct compiler *compiler, struct field_type *type,
                          const json_t *schema, bool preserve, int depth)
{
    struct arena *arena = compiler->types->arena;
    const json_t *properties = json_object_get(schema, "properties");
    struct type_field *fields =
        arena_array(arena, json_object_size(properties) + 3, sizeof(*fields));
    size_t count = 0;
    const char *name;
    json_t *property;
    json_object_foreach(json_mutable(properties), name, property)
    {
        const struct field_type *member = compile(compiler, property, preserve, depth + 1);
        if (!member)
            return err_wrap(compiler->err, "%s", name);
        fields[count++] = (struct type_field){arena_strdup(arena, name), member};
    }
    if (depth == 0 || flag(schema, "x-kubernetes-embedded-resource"))
        count = add_resource_fields(fields, count);
    if (count > 1)
        qsort(fields, count, sizeof(*fields), compare_fields);
    type->fields = fields;
    type->field_count = count;
    return 0;
}

static int compile_element(const struct compiler *compiler, struct field_type *type,
                           const json_t *schema, bool preserve, int depth)
{
    const json_t *additional = json_object_get(schema, "additionalProperties");
    if (json_is_object(additional)) {
        type->element = compile(compiler, additional, preserve, depth + 1);
        return type->element ? 0 : err_wrap(compiler->err, "additionalProperties");
    }
    bool declared = json_object_size(json_object_get(schema, "properties")) > 0;
    bool open = additional ? json_is_true(additional) : preserve || !declared;
    type->element = open ? &type_deduced : NULL;
    return 0;
}

static int compile_map(const struct compiler *compiler, struct field_type *type,
                       const json_t *schema, bool preserve, int depth)
{
    bool atomic = strcmp(text_of(schema, "x-kubernetes-map-type"), "atomic") == 0;
    type->map = atomic ? CONTAINER_ATOMIC : CONTAINER_GRANULAR;
    if (compile_fields(compiler, type, schema, preserve, depth) != 0)
        return -1;
    return compile_element(compiler, type, schema, preserve, depth);
}

/* ---- lists ---- */

static const json_t *key_default(const struct compiler *compiler, const json_t *items,
                                 const char *name)
{
    json_t *property = json_object_get(json_object_get(items, "properties"), name);
    const json_t *found = json_object_get(property, "default");
    if (!found || json_is_null(found))
        return NULL;
    json_t *copy = json_deep_copy(found);
    json_array_append_new(compiler->types->kept, copy);
    return copy;
}

static int compare_keys(const void *a, const void *b)
{
    const struct list_key *left = a;
    const struct list_key *right = b;
    return strcmp(left->name, right->name);
}

static const struct list_key *sorted_copy(struct arena *arena, const struct list_key *keys,
                                          size_t count)
{
    struct list_key *sorted = arena_array(arena, count + 1, sizeof(*sorted));
    memcpy(sorted, keys, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare_keys);
    return sorted;
}

static void compile_keys(const struct compiler *compiler, struct field_type *type,
                         const json_t *schema)
{
    struct arena *arena = compiler->types->arena;
    const json_t *names = json_object_get(schema, "x-kubernetes-list-map-keys");
    const json_t *items = json_object_get(schema, "items");
    struct list_key *keys = arena_array(arena, json_array_size(names) + 1, sizeof(*keys));
    size_t index;
    json_t *name;
    json_array_foreach(names, index, name)
    {
        const char *text = json_string_value(name);
        if (text)
            keys[type->key_count++] =
                (struct list_key){arena_strdup(arena, text), key_default(compiler, items, text)};
    }
    type->keys = keys;
    type->sorted_keys = sorted_copy(arena, keys, type->key_count);
}

static int compile_list(const struct compiler *compiler, struct field_type *type,
                        const json_t *schema, bool preserve, int depth)
{
    const char *kind = text_of(schema, "x-kubernetes-list-type");
    const json_t *items = json_object_get(schema, "items");
    bool is_map = strcmp(kind, "map") == 0;
    type->list = is_map || strcmp(kind, "set") == 0 ? CONTAINER_GRANULAR : CONTAINER_ATOMIC;
    if (is_map)
        compile_keys(compiler, type, schema);
    if (is_map && type->key_count == 0)
        return err_set(compiler->err, ERR_INVALID, "a list of type map has no keys");
    type->items = items ? compile(compiler, items, preserve, depth + 1) : &type_untyped;
    return type->items ? 0 : err_wrap(compiler->err, "items");
}

/* ---- nodes ---- */

static enum scalar_type scalar_of(const json_t *schema, const char *name)
{
    if (strcmp(name, "integer") == 0 || strcmp(name, "number") == 0)
        return SCALAR_NUMERIC;
    if (strcmp(name, "boolean") == 0)
        return SCALAR_BOOLEAN;
    const char *format = text_of(schema, "format");
    return *format == '\0' || strcmp(format, "byte") == 0 ? SCALAR_STRING : SCALAR_ANY;
}

static const struct field_type *compile(const struct compiler *compiler, const json_t *schema,
                                        bool preserve, int depth)
{
    if (depth > TYPE_DEPTH_MAX || !json_is_object(schema)) {
        err_set(compiler->err, ERR_INVALID, "a schema must be an object, nested at most %d deep",
                TYPE_DEPTH_MAX);
        return NULL;
    }
    struct field_type *type = arena_alloc(compiler->types->arena, sizeof(*type));
    const char *name = text_of(schema, "type");
    bool root = depth == 0; /* a kind is an object, whatever its schema says */
    bool any = !root && (*name == '\0' || flag(schema, "x-kubernetes-int-or-string"));
    bool is_map = root || any || strcmp(name, "object") == 0;
    bool is_list = any || (!root && strcmp(name, "array") == 0);
    preserve = preserve || flag(schema, "x-kubernetes-preserve-unknown-fields");
    if (any)
        type->scalar = SCALAR_ANY;
    else if (!is_map && !is_list)
        type->scalar = scalar_of(schema, name);
    if (is_map && compile_map(compiler, type, schema, preserve, depth) != 0)
        return NULL;
    if (is_list && compile_list(compiler, type, schema, preserve, depth) != 0)
        return NULL;
    return type;
}

struct field_types *field_types_compile(const json_t *open_api, struct err *err)
{
    struct field_types *types = mem_zalloc(sizeof(*types));
    types->arena = arena_new(TYPES_BYTES);
    types->kept = json_array();
    types->root = compile(&(struct compiler){types, err}, open_api, false, 0);
    if (types->root)
        return types;
    field_types_free(types);
    return NULL;
}

void field_types_free(struct field_types *types)
{
    if (!types)
        return;
    arena_free(types->arena);
    json_decref(types->kept);
    free(types);
}

const struct field_types *field_types_of_scale(void)
{
    static const struct field_types scale = {.root = &type_scale};
    return &scale;
}

const struct field_type *field_types_root(const struct field_types *types)
{
    return types->root;
}

/* ---- look-up ---- */

const struct field_type *type_declared(const struct field_type *type, const char *name)
{
    size_t low = 0;
    size_t high = type->field_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, type->fields[middle].name);
        if (order == 0)
            return type->fields[middle].type;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct field_type *type_member(const struct field_type *type, const char *name)
{
    const struct field_type *declared = type_declared(type, name);
    return declared ? declared : type->element;
}

unsigned type_shapes(const struct field_type *type, const json_t *value)
{
    unsigned all = (type->map ? SHAPE_MAP : 0U) | (type->scalar ? SHAPE_SCALAR : 0U) |
                   (type->list ? SHAPE_LIST : 0U);
    unsigned own = 0;
    if (json_is_object(value))
        own = SHAPE_MAP;
    else if (json_is_array(value))
        own = SHAPE_LIST;
    else if (value && !json_is_null(value))
        own = SHAPE_SCALAR;
    return all & own ? own : all;
}

enum shape first_shape(unsigned shapes)
{
    if (shapes & SHAPE_MAP)
        return SHAPE_MAP;
    return shapes & SHAPE_SCALAR ? SHAPE_SCALAR : SHAPE_LIST;
}
