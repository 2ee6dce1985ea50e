/* Laws of lib/model that hold for any JSON. */
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
#include <mot/model/kind.h>
#include <mot/model/object.h>
#include <mot/model/patch.h>
#include <mot/model/table.h>
#include <mot/model/yaml.h>

#include "values.h"

#define CASES 3000
#define DEPTH 5

static struct kinds *kinds;

/* 0 when both are the same; steals both. */
static int same(json_t *a, json_t *b, const char *law)
{
    bool ok = json_same(a, b);
    if (!ok) {
        AUTO_FREE char *left = json_text(a);
        AUTO_FREE char *right = json_text(b);
        fprintf(stderr, "%s: %s is not %s\n", law, left, right);
    }
    json_decref(a);
    json_decref(b);
    return ok ? 0 : -1;
}

static json_t *parsed(char *text)
{
    struct err err = {0};
    json_t *value = json_parse(text, strlen(text), true, &err);
    if (!value)
        fprintf(stderr, "%s: %s\n", text, err.message);
    free(text);
    return value ? value : json_null();
}

static int json_survives_writing(struct tape *tape)
{
    json_t *value = draw_value(tape, DEPTH);
    return same(parsed(json_text(value)), value, "parse(write(v)) = v");
}

/* Through YAML 1.0 becomes 1: both sides go through it once. */
static int yaml_survives_writing(struct tape *tape)
{
    struct err err = {0};
    struct yaml_documents documents;
    json_t *value = draw_object(tape, DEPTH);
    json_object_set_new(value, "always", json_integer(1));
    AUTO_FREE char *text = yaml_write(value);
    json_decref(value);
    if (yaml_parse("yaml", text, strlen(text), &documents, &err) != 0) {
        fprintf(stderr, "%s\n%s\n", err.message, text);
        return -1;
    }
    AUTO_FREE char *again = yaml_write(documents.items[0].value);
    int result = strcmp(text, again) == 0 ? 0 : -1;
    if (result != 0)
        fprintf(stderr, "%s\nis not\n%s\n", text, again);
    yaml_documents_release(&documents);
    return result;
}

/* Encoding is canonical: what is stored, read and stored again has the same bytes. */
static int objects_survive_storage(struct tape *tape)
{
    struct err err = {0};
    size_t len;
    json_t *object = draw_object(tape, DEPTH);
    char *first = object_encode(object, &len);
    json_t *decoded = object_decode(first, len, 7, &err);
    char *second = object_encode(decoded, NULL);
    int result = strcmp(first, second) == 0 && strlen(first) == len ? 0 : -1;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    object_write(&buf, first, len, 7);
    if (result == 0)
        result = same(parsed(mem_strdup(buf.data)), json_incref(decoded),
                      "write(encode(o)) = decode(encode(o))");
    else
        fprintf(stderr, "%s\nis not\n%s\n", first, second);
    buf_release(&buf);
    free(first);
    free(second);
    json_decref(decoded);
    json_decref(object);
    return result;
}

/* Not merge(merge(t, p), p) = merge(t, p): an array that replaces an object keeps the nulls in it,
 * one that replaces an array does not, as the real server has it. Once more changes nothing. */
static int merging_settles(struct tape *tape)
{
    json_t *target = draw_object(tape, DEPTH);
    json_t *patch = draw_object(tape, DEPTH);
    json_t *once = patch_merge(target, patch);
    json_t *twice = patch_merge(once, patch);
    json_t *thrice = patch_merge(twice, patch);
    json_decref(once);
    json_decref(target);
    json_decref(patch);
    return same(thrice, twice, "merging thrice = merging twice");
}

static int merging_nothing_changes_nothing(struct tape *tape)
{
    json_t *target = draw_object(tape, DEPTH);
    json_t *nothing = json_object();
    json_t *result = patch_merge(target, nothing);
    json_decref(nothing);
    return same(result, target, "merge(t, {}) = t");
}

/* test(add(t, v), v), and remove(add(t, v)) = t when it was not there. */
static int adding_can_be_undone(struct tape *tape)
{
    struct err err = {0};
    json_t *target = draw_object(tape, DEPTH);
    json_t *value = draw_value(tape, 2);
    json_object_del(target, "new");
    json_t *patch = json_pack("[{s:s, s:s, s:O}, {s:s, s:s, s:O}, {s:s, s:s}]", "op", "add", "path",
                              "/new", "value", value, "op", "test", "path", "/new", "value", value,
                              "op", "remove", "path", "/new");
    json_t *result = patch_json(target, patch, &err);
    json_decref(patch);
    json_decref(value);
    if (!result) {
        json_decref(target);
        return -1;
    }
    return same(result, target, "remove(add(t, v)) = t");
}

static const struct kind *draw_kind(struct tape *tape)
{
    return kinds_at(kinds, tape_below(tape, kinds_count(kinds)));
}

static int pruning_is_idempotent(struct tape *tape)
{
    struct texts unknown = {0};
    const struct kind *kind = draw_kind(tape);
    json_t *object = draw_object(tape, DEPTH);
    schema_prune(kind->schema, object, NULL);
    json_t *once = json_deep_copy(object);
    schema_prune(kind->schema, object, &unknown);
    size_t left = unknown.count;
    texts_release(&unknown);
    return same(object, once, "prune(prune(o)) = prune(o)") == 0 && left == 0 ? 0 : -1;
}

static int defaulting_is_idempotent(struct tape *tape)
{
    const struct kind *kind = draw_kind(tape);
    json_t *object = draw_object(tape, DEPTH);
    schema_default(kind->schema, object);
    json_t *once = json_deep_copy(object);
    schema_default(kind->schema, object);
    return same(object, once, "default(default(o)) = default(o)");
}

/* Defaults are part of the schema: pruning what was pruned and defaulted takes nothing away. */
static int defaults_survive_pruning(struct tape *tape)
{
    const struct kind *kind = draw_kind(tape);
    json_t *object = draw_object(tape, DEPTH);
    schema_prune(kind->schema, object, NULL);
    schema_default(kind->schema, object);
    json_t *once = json_deep_copy(object);
    schema_prune(kind->schema, object, NULL);
    return same(object, once, "prune(default(prune(o))) = default(prune(o))");
}

/* Whatever an object is, validating and printing it only reads. */
static int reading_changes_nothing(struct tape *tape)
{
    struct err err;
    struct field_errors errors = {0};
    struct buf cells;
    const struct kind *kind = draw_kind(tape);
    struct table *table = table_new(kind, &err);
    json_t *object = draw_value(tape, DEPTH);
    json_t *copy = json_deep_copy(object);
    buf_init(&cells, BUF_MAX_DEFAULT);
    schema_validate(kind->schema, object, &errors);
    table_write_cells(&cells, table, object, 0);
    json_t *row = parsed(buf_take(&cells));
    bool complete = json_array_size(row) == table_column_count(table);
    json_decref(row);
    field_errors_release(&errors);
    table_free(table);
    return same(copy, object, "validate reads") == 0 && complete ? 0 : -1;
}

#define LAW(name_)                                                                                 \
    static void check_##name_(void **state)                                                        \
    {                                                                                              \
        (void)state;                                                                               \
        assert_int_equal(tape_run(#name_, name_, CASES), 0);                                       \
    }

LAW(json_survives_writing)
LAW(yaml_survives_writing)
LAW(objects_survive_storage)
LAW(merging_settles)
LAW(merging_nothing_changes_nothing)
LAW(adding_can_be_undone)
LAW(pruning_is_idempotent)
LAW(defaulting_is_idempotent)
LAW(defaults_survive_pruning)
LAW(reading_changes_nothing)

static int load(void **state)
{
    struct err err;
    (void)state;
    kinds = kinds_load(&err);
    return kinds ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    kinds_free(kinds);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_json_survives_writing),
        cmocka_unit_test(check_yaml_survives_writing),
        cmocka_unit_test(check_objects_survive_storage),
        cmocka_unit_test(check_merging_settles),
        cmocka_unit_test(check_merging_nothing_changes_nothing),
        cmocka_unit_test(check_adding_can_be_undone),
        cmocka_unit_test(check_pruning_is_idempotent),
        cmocka_unit_test(check_defaulting_is_idempotent),
        cmocka_unit_test(check_defaults_survive_pruning),
        cmocka_unit_test(check_reading_changes_nothing),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
