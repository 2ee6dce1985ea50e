/* Laws of validating updates, over schemas and values that are both drawn: what an update is
 * refused for, and what it is forgiven. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/schema.h>

#include <lib/tape.h>

#define CASES 4000
#define DEPTH 3

/* ---- schemas: every kind of node, each with a rule that values break often ---- */

static json_t *draw_schema(struct tape *tape, int depth);

static json_t *draw_list(struct tape *tape, int depth)
{
    json_t *items = draw_schema(tape, depth - 1);
    json_t *schema = json_pack("{s:s, s:i}", "type", "array", "maxItems", 2);
    switch (tape_below(tape, 3)) {
    case 0:
        json_object_set_new(schema, "items", items);
        return schema;
    case 1:
        json_decref(items);
        json_object_set_new(schema, "items",
                            json_pack("{s:s, s:i}", "type", "integer", "maximum", 5));
        json_object_set_new(schema, "x-kubernetes-list-type", json_string("set"));
        return schema;
    default:
        json_object_set_new(schema, "items",
                            json_pack("{s:s, s:[s], s:{s:{s:s}, s:o}}", "type", "object",
                                      "required", "k", "properties", "k", "type", "integer", "v",
                                      items));
        json_object_set_new(schema, "x-kubernetes-list-type", json_string("map"));
        json_object_set_new(schema, "x-kubernetes-list-map-keys", json_pack("[s]", "k"));
        return schema;
    }
}

static json_t *draw_object_schema(struct tape *tape, int depth)
{
    if (tape_bool(tape))
        return json_pack("{s:s, s:o}", "type", "object", "additionalProperties",
                         draw_schema(tape, depth - 1));
    return json_pack("{s:s, s:[s], s:{s:o, s:o}}", "type", "object", "required", "a", "properties",
                     "a", draw_schema(tape, depth - 1), "b", draw_schema(tape, depth - 1));
}

static json_t *draw_schema(struct tape *tape, int depth)
{
    switch (tape_below(tape, depth > 0 ? 5 : 3)) {
    case 0:
        return json_pack("{s:s, s:i}", "type", "integer", "maximum", 5);
    case 1:
        return json_pack("{s:s, s:[s, s]}", "type", "string", "enum", "x", "y");
    case 2:
        return json_pack("{s:s, s:b, s:[{s:i}, {s:s}]}", "type", "string", "nullable", 1, "anyOf",
                         "minLength", 3, "pattern", "^x");
    case 3:
        return draw_object_schema(tape, depth);
    default:
        return draw_list(tape, depth);
    }
}

/* ---- values for a schema, right and wrong ---- */

static json_t *draw_for(struct tape *tape, const json_t *schema);

static json_t *draw_scalar(struct tape *tape)
{
    static const char *const texts[] = {"x", "y", "z", "long"};
    switch (tape_below(tape, 4)) {
    case 0:
        return json_integer((json_int_t)tape_below(tape, 10));
    case 1:
        return json_null();
    default:
        return json_string(tape_pick(tape, texts, MOT_ARRAY_SIZE(texts)));
    }
}

/* Items of map lists have their key, and have it once: without, nobody knows what they were. */
static json_t *draw_items(struct tape *tape, const json_t *schema)
{
    const json_t *items = json_object_get(schema, "items");
    bool keyed = json_object_get(schema, "x-kubernetes-list-map-keys") != NULL;
    size_t count = tape_below(tape, 4);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item = draw_for(tape, items);
        if (keyed && !json_is_object(item)) {
            json_decref(item);
            item = json_object();
        }
        if (keyed)
            json_object_set_new(item, "k", json_integer((json_int_t)i));
        json_array_append_new(array, item);
    }
    return array;
}

static json_t *draw_members(struct tape *tape, const json_t *schema)
{
    static const char *const names[] = {"a", "b", "k", "v"};
    json_t *object = json_object();
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++) {
        const json_t *member = json_object_get(json_object_get(schema, "properties"), names[i]);
        if (!member)
            member = json_object_get(schema, "additionalProperties");
        if (member && tape_bool(tape))
            json_object_set_new(object, names[i], draw_for(tape, member));
    }
    return object;
}

static json_t *draw_for(struct tape *tape, const json_t *schema)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (tape_below(tape, 8) == 7)
        return draw_scalar(tape);
    if (strcmp(type, "array") == 0)
        return draw_items(tape, schema);
    if (strcmp(type, "object") == 0)
        return draw_members(tape, schema);
    return draw_scalar(tape);
}

struct pair {
    json_t *open_api;
    struct schema *schema;
    json_t *old, *new;
};

static json_t *object_of(json_t *spec)
{
    return json_pack("{s:{s:s}, s:o}", "metadata", "name", "x", "spec", spec);
}

static void draw_pair(struct tape *tape, struct pair *pair)
{
    struct err err = {0};
    json_t *spec = draw_object_schema(tape, DEPTH);
    pair->open_api = json_pack("{s:s, s:{s:o}}", "type", "object", "properties", "spec", spec);
    pair->schema = schema_compile(pair->open_api, &err);
    if (!pair->schema)
        fprintf(stderr, "%s\n", err.message);
    pair->old = object_of(draw_for(tape, spec));
    pair->new = tape_bool(tape) ? json_deep_copy(pair->old) : object_of(draw_for(tape, spec));
}

static void release_pair(struct pair *pair)
{
    schema_free(pair->schema);
    json_decref(pair->open_api);
    json_decref(pair->old);
    json_decref(pair->new);
}

static bool has(const struct field_errors *errors, const struct field_error *error)
{
    for (size_t i = 0; i < errors->count; i++) {
        if (strcmp(errors->items[i].field, error->field) == 0 &&
            strcmp(errors->items[i].message, error->message) == 0)
            return true;
    }
    return false;
}

static bool all_are_in(const struct field_errors *few, const struct field_errors *many)
{
    for (size_t i = 0; i < few->count; i++) {
        if (!has(many, &few->items[i])) {
            fprintf(stderr, "%s: %s\n", few->items[i].field, few->items[i].message);
            return false;
        }
    }
    return true;
}

/* ---- laws ---- */

/* An update is never refused for what a creation would not be refused for. */
static int only_forgives(struct tape *tape)
{
    struct pair pair;
    struct field_errors created = {0};
    struct field_errors updated = {0};
    draw_pair(tape, &pair);
    schema_validate(pair.schema, pair.new, &created);
    schema_validate_update(pair.schema, pair.new, pair.old, &updated);
    bool ok = all_are_in(&updated, &created);
    field_errors_release(&created);
    field_errors_release(&updated);
    release_pair(&pair);
    return ok ? 0 : -1;
}

/* What stays as it is, is fine, whatever it is. */
static int leaves_in_peace(struct tape *tape)
{
    struct pair pair;
    struct field_errors errors = {0};
    draw_pair(tape, &pair);
    schema_validate_update(pair.schema, pair.old, pair.old, &errors);
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s: %s\n", errors.items[i].field, errors.items[i].message);
    bool ok = errors.count == 0;
    field_errors_release(&errors);
    release_pair(&pair);
    return ok ? 0 : -1;
}

/* Nothing is forgiven on the ground of an old object that was right. */
static int forgives_old_mistakes_only(struct tape *tape)
{
    struct pair pair;
    struct field_errors before = {0};
    struct field_errors created = {0};
    struct field_errors updated = {0};
    draw_pair(tape, &pair);
    schema_validate(pair.schema, pair.old, &before);
    schema_validate(pair.schema, pair.new, &created);
    schema_validate_update(pair.schema, pair.new, pair.old, &updated);
    bool ok = before.count > 0 || all_are_in(&created, &updated);
    field_errors_release(&before);
    field_errors_release(&created);
    field_errors_release(&updated);
    release_pair(&pair);
    return ok ? 0 : -1;
}

#define LAW(name_)                                                                                 \
    static void check_##name_(void **state)                                                        \
    {                                                                                              \
        (void)state;                                                                               \
        assert_int_equal(tape_run(#name_, name_, CASES), 0);                                       \
    }

LAW(only_forgives)
LAW(leaves_in_peace)
LAW(forgives_old_mistakes_only)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_only_forgives),
        cmocka_unit_test(check_leaves_in_peace),
        cmocka_unit_test(check_forgives_old_mistakes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
