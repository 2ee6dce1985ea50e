#include "drawn.h"

#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#define SCHEMA_DEPTH 3

/* ---- schemas ---- */

static json_t *draw_schema(struct tape *tape, int depth);

static json_t *scalar(struct tape *tape)
{
    static const char *const types[] = {"string", "integer", "boolean", "number"};
    return json_pack("{s:s}", "type", tape_pick(tape, types, MOT_ARRAY_SIZE(types)));
}

static json_t *draw_properties(struct tape *tape, const char *names, int depth)
{
    json_t *properties = json_object();
    for (; *names; names++) {
        const char name[2] = {*names, '\0'};
        json_object_set_new(properties, name, draw_schema(tape, depth));
    }
    return properties;
}

static json_t *draw_struct(struct tape *tape, int depth)
{
    json_t *schema =
        json_pack("{s:s, s:o}", "type", "object", "properties", draw_properties(tape, "ab", depth));
    if (tape_below(tape, 4) == 1)
        json_object_set_new(schema, "x-kubernetes-map-type", json_string("atomic"));
    if (tape_below(tape, 4) == 1)
        json_object_set_new(schema, "x-kubernetes-preserve-unknown-fields", json_true());
    return schema;
}

static json_t *draw_map(struct tape *tape, int depth)
{
    json_t *schema =
        json_pack("{s:s, s:o}", "type", "object", "additionalProperties", draw_schema(tape, depth));
    if (tape_below(tape, 4) == 1)
        json_object_set_new(schema, "x-kubernetes-map-type", json_string("atomic"));
    return schema;
}

static json_t *draw_list(struct tape *tape, int depth)
{
    static const char *const types[] = {"set", "atomic", "map"};
    const char *type = tape_pick(tape, types, MOT_ARRAY_SIZE(types));
    json_t *items = NULL;
    if (strcmp(type, "atomic") == 0)
        items = draw_schema(tape, depth);
    else if (strcmp(type, "set") == 0)
        items = json_pack("{s:s}", "type", "integer");
    else
        items = json_pack("{s:s, s:{s:{s:s}, s:{s:s, s:s}, s:o}}", "type", "object", "properties",
                          "k", "type", "integer", "p", "type", "string", "default", "TCP", "v",
                          draw_schema(tape, depth));
    json_t *schema = json_pack("{s:s, s:s, s:o}", "type", "array", "x-kubernetes-list-type", type,
                               "items", items);
    if (strcmp(type, "map") == 0)
        json_object_set_new(schema, "x-kubernetes-list-map-keys", json_pack("[s, s]", "k", "p"));
    return schema;
}

static json_t *draw_schema(struct tape *tape, int depth)
{
    if (depth <= 0)
        return scalar(tape);
    switch (tape_below(tape, 8)) {
    case 1:
    case 2:
        return draw_struct(tape, depth - 1);
    case 3:
        return draw_map(tape, depth - 1);
    case 4:
    case 5:
        return draw_list(tape, depth - 1);
    case 6:
        return json_pack("{s:s, s:b}", "type", "object", "x-kubernetes-preserve-unknown-fields", 1);
    case 7:
        return json_pack("{s:b}", "x-kubernetes-preserve-unknown-fields", 1);
    default:
        return scalar(tape);
    }
}

json_t *draw_kind(struct tape *tape)
{
    json_t *properties = draw_properties(tape, "abcdef", SCHEMA_DEPTH);
    json_object_set_new(properties, "keep", json_pack("{s:s}", "type", "string"));
    return json_pack("{s:s, s:{s:{s:s, s:o}}}", "type", "object", "properties", "spec", "type",
                     "object", "properties", properties);
}

/* ---- values ---- */

static json_t *draw_value_of(struct tape *tape, const json_t *schema);

static json_t *draw_anything(struct tape *tape, int depth)
{
    static const char *const names[] = {"a", "b", "x"};
    json_t *value;
    switch (tape_below(tape, depth > 0 ? 5 : 2)) {
    case 1:
        return json_string("s");
    case 2:
        value = json_array();
        for (size_t n = tape_below(tape, 3); n > 0; n--)
            json_array_append_new(value, draw_anything(tape, depth - 1));
        return value;
    case 3:
    case 4:
        value = json_object();
        for (size_t n = tape_below(tape, 3); n > 0; n--) {
            const char *name = tape_pick(tape, names, MOT_ARRAY_SIZE(names));
            json_object_set_new(value, name, draw_anything(tape, depth - 1));
        }
        return value;
    default:
        return json_integer((json_int_t)tape_below(tape, 3));
    }
}

static json_t *draw_members(struct tape *tape, const json_t *schema)
{
    static const char *const names[] = {"x", "y", "z"};
    json_t *value = json_object();
    const char *name;
    json_t *property;
    const json_t *element = json_object_get(schema, "additionalProperties");
    json_object_foreach(json_object_get(schema, "properties"), name, property)
    {
        if (tape_bool(tape))
            json_object_set_new(value, name, draw_value_of(tape, property));
    }
    for (size_t n = element ? tape_below(tape, 3) : 0; n > 0; n--) {
        name = tape_pick(tape, names, MOT_ARRAY_SIZE(names));
        json_object_set_new(value, name, draw_value_of(tape, element));
    }
    if (json_is_true(json_object_get(schema, "x-kubernetes-preserve-unknown-fields"))) {
        for (size_t n = tape_below(tape, 3); n > 0; n--)
            json_object_set_new(value, tape_pick(tape, names, 3), draw_anything(tape, 2));
    }
    return value;
}

/* Keys come once: sometimes with the second key, whose default is "TCP". */
static json_t *draw_items(struct tape *tape, const json_t *schema)
{
    const char *type = json_at_text(schema, "x-kubernetes-list-type");
    const json_t *items = json_object_get(schema, "items");
    bool used[8] = {false};
    json_t *list = json_array();
    for (size_t n = tape_below(tape, 5); n > 0; n--) {
        size_t key = tape_below(tape, MOT_ARRAY_SIZE(used));
        if (strcmp(type, "atomic") == 0) {
            json_array_append_new(list, draw_value_of(tape, items));
        } else if (!used[key] && strcmp(type, "set") == 0) {
            json_array_append_new(list, json_integer((json_int_t)key));
        } else if (!used[key]) {
            json_t *item = json_pack("{s:i}", "k", (int)(key / 2));
            if (key % 2 || tape_bool(tape))
                json_object_set_new(item, "p", json_string(key % 2 ? "UDP" : "TCP"));
            if (tape_bool(tape))
                json_object_set_new(item, "v", draw_value_of(tape, json_at(items, "properties.v")));
            json_array_append_new(list, item);
        }
        used[key] = true;
    }
    return list;
}

static json_t *draw_value_of(struct tape *tape, const json_t *schema)
{
    const char *type = json_at_text(schema, "type");
    if (!type)
        return draw_anything(tape, 2);
    if (strcmp(type, "object") == 0)
        return draw_members(tape, schema);
    if (strcmp(type, "array") == 0)
        return draw_items(tape, schema);
    if (strcmp(type, "string") == 0)
        return json_string(tape_bool(tape) ? "one" : "two");
    if (strcmp(type, "boolean") == 0)
        return json_boolean(tape_bool(tape));
    if (strcmp(type, "number") == 0 && tape_bool(tape))
        return json_real(1.5);
    return json_integer((json_int_t)tape_below(tape, 3));
}

json_t *draw_object_of(struct tape *tape, const json_t *kind, const char *names)
{
    const json_t *properties = json_at(kind, "properties.spec.properties");
    json_t *spec = json_object();
    for (; *names; names++) {
        const char name[2] = {*names, '\0'};
        if (tape_bool(tape))
            json_object_set_new(spec, name, draw_value_of(tape, json_object_get(properties, name)));
    }
    json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "t.dev/v1", "kind", "T",
                               "metadata", "name", "n");
    if (json_object_size(spec) > 0 || tape_bool(tape))
        json_object_set(object, "spec", spec);
    json_decref(spec);
    return object;
}

void drop_empty(json_t *value)
{
    const char *key;
    json_t *child;
    void *next;
    size_t index;
    json_object_foreach_safe(value, next, key, child)
    {
        drop_empty(child);
        if ((json_is_object(child) || json_is_array(child)) && json_object_size(child) == 0 &&
            json_array_size(child) == 0)
            json_object_del(value, key);
    }
    json_array_foreach(value, index, child) drop_empty(child);
}

/* ---- sets ---- */

static const struct field_set *draw_node(struct tape *tape, struct arena *arena, int depth)
{
    static const struct path_element elements[] = {{"a", 'f', false},
                                                   {"b", 'f', false},
                                                   {"", 'f', false},
                                                   {"a.b/c<", 'f', false},
                                                   {"1", 'v', false},
                                                   {"10", 'v', false},
                                                   {"\"\\u003c\"", 'v', false},
                                                   {"null", 'v', false},
                                                   {"{\"k\":1}", 'k', false},
                                                   {"{\"k\":1,\"p\":\"x\"}", 'k', false},
                                                   {"3", 'i', false}};
    struct set_builder builder = {.arena = arena};
    for (size_t n = depth > 0 ? tape_below(tape, 4) : 0; n > 0; n--)
        set_builder_add(&builder, elements[tape_below(tape, MOT_ARRAY_SIZE(elements))],
                        draw_node(tape, arena, depth - 1));
    bool member = tape_bool(tape);
    return set_builder_finish(&builder, member);
}

const struct field_set *draw_set(struct tape *tape, struct arena *arena)
{
    struct set_builder builder = {.arena = arena};
    const struct field_set *root = draw_node(tape, arena, 4);
    for (size_t i = 0; root && i < root->count; i++)
        set_builder_add(&builder, root->entries[i].element, root->entries[i].set);
    return set_builder_finish(&builder, false);
}
