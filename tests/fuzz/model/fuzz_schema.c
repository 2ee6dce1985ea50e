/*
 * Any JSON as an object of each kind; and, as [schema, object], as a schema of its own. What is
 * only looked at does not change; findings and refusals say what is wrong.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lib/must.h>
#include <mot/model/json.h>
#include <mot/model/kind.h>
#include <mot/model/object.h>
#include <mot/model/table.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A finding names its reason and what is wrong. */
static void check_findings(const struct field_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        must(errors->items[i].field && *errors->items[i].reason && *errors->items[i].message);
}

/* Pruned and defaulted once is enough. */
static void settle(const struct schema *schema, json_t *object)
{
    struct texts unknown = {0};
    schema_prune(schema, object, &unknown);
    texts_release(&unknown);
    json_t *before = json_deep_copy(object);
    schema_prune(schema, object, &unknown);
    must(unknown.count == 0 && json_same(before, object));
    json_decref(before);
    schema_default(schema, object);
    before = json_deep_copy(object);
    schema_default(schema, object);
    must(json_same(before, object));
    json_decref(before);
}

static void admit(const struct schema *schema, const json_t *value)
{
    struct err err = {0};
    struct field_errors errors = {0};
    json_t *object = json_deep_copy(value);
    schema_validate(schema, object, &errors);
    if (schema_check_metadata(object, &err) == 0) {
        settle(schema, object);
        schema_validate(schema, object, &errors);
        schema_validate_status(schema, object, &errors);
        schema_validate_update(schema, object, value, &errors);
        schema_validate_update(schema, value, object, &errors);
        schema_validate_status_update(schema, value, object, &errors);
    } else {
        must_explain(&err);
    }
    err = (struct err){0};
    if (schema_check_types(schema, value, &err) != 0)
        must_explain(&err);
    check_findings(&errors);
    field_errors_release(&errors);
    json_decref(object);
}

static void print(const struct kind *kind, const json_t *value)
{
    struct err err;
    struct buf cells;
    struct table *table = table_new(kind, &err);
    buf_init(&cells, BUF_MAX_DEFAULT);
    table_write_cells(&cells, table, value, 0);
    buf_release(&cells);
    table_free(table);
}

static void live(const json_t *value)
{
    json_t *object = json_deep_copy(value);
    if (json_is_object(object)) {
        free(object_selectable(object, NULL));
        object_prepare_update(object, value, true);
        object_add_finalizer(object, "x");
        object_mark_deleted(object);
        free(object_encode(object, NULL));
    }
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kinds *kinds;
    struct err err = {0};
    if (!kinds)
        kinds = kinds_load(&err);
    json_t *value = json_parse((const char *)data, size, false, &err);
    json_t *before = json_deep_copy(value);
    for (size_t i = 0; value && i < kinds_count(kinds); i++) {
        admit(kinds_at(kinds, i)->schema, value);
        print(kinds_at(kinds, i), value);
    }
    if (value)
        live(value);
    if (json_array_size(value) == 2) {
        err = (struct err){0};
        struct schema *schema = schema_compile(json_array_get(value, 0), &err);
        if (schema)
            admit(schema, json_array_get(value, 1));
        else
            must_explain(&err);
        schema_free(schema);
    }
    must(!value || json_same(before, value));
    json_decref(before);
    json_decref(value);
    return 0;
}
