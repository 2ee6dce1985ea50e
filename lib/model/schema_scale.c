/* The numbers of a scale subresource inside of the object: what a CRD's registry checks besides
 * the schema. */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>

#include "schema_internal.h"

/* ---- at load ---- */

static int check_path(const struct schema *schema, const char *what, const char *path,
                      const char *below, enum schema_type type, struct err *err)
{
    size_t len = strlen(below);
    const struct node *node = node_at(schema->root, path);
    if (strncmp(path, below, len) != 0 || path[len] == '\0')
        return err_set(err, ERR_INVALID, "scale.%s: must be a path below .%.*s", what, (int)len - 1,
                       below);
    if (!node || node->type != type)
        return err_set(err, ERR_INVALID, "scale.%s: .%s is no %s of the schema", what, path,
                       type == TYPE_INTEGER ? "integer" : "string");
    return 0;
}

int schema_set_scale(struct schema *schema, const char *spec_replicas, const char *status_replicas,
                     const char *label_selector, struct err *err)
{
    if (check_path(schema, "specReplicasPath", spec_replicas, "spec.", TYPE_INTEGER, err) != 0 ||
        check_path(schema, "statusReplicasPath", status_replicas, "status.", TYPE_INTEGER, err) !=
            0)
        return -1;
    bool in_spec = strncmp(label_selector, "spec.", 5) == 0;
    if (*label_selector && check_path(schema, "labelSelectorPath", label_selector,
                                      in_spec ? "spec." : "status.", TYPE_STRING, err) != 0)
        return -1;
    schema->scale_spec = mem_strdup(spec_replicas);
    schema->scale_status = mem_strdup(status_replicas);
    schema->scale_selector = *label_selector ? mem_strdup(label_selector) : NULL;
    return 0;
}

/* ---- of objects ---- */

static const char *go_type(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "map[string]interface {}";
    case JSON_ARRAY:
        return "[]interface {}";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "int64";
    case JSON_REAL:
        return "float64";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        break;
    }
    return "<nil>";
}

/* @shown: the value that the real server has in its hands by then. */
static void report_type(const char *path, size_t path_len, const char *field, const char *shown,
                        const json_t *value, const char *expected, struct field_errors *errors)
{
    struct buf text;
    AUTO_FREE char *name = mem_printf(".%s", field);
    buf_init(&text, BUF_MAX_DEFAULT);
    write_as_go(&text, value, GO_VALUE);
    field_errors_add(errors, name, "FieldValueInvalid",
                     "Invalid value: %s: .%.*s accessor error: %s is of the type %s, expected %s",
                     shown, (int)path_len, path, text.data ? text.data : "", go_type(value),
                     expected);
    buf_release(&text);
}

/* NULL when there is none, or when something on the way is no object: that is reported. */
static const json_t *find_value(const json_t *object, const char *path, const char *shown,
                                struct field_errors *errors)
{
    const json_t *value = object;
    const char *at = path;
    while (*at) {
        size_t len = strcspn(at, ".");
        if (!value || json_is_null(value))
            return NULL;
        if (!json_is_object(value)) {
            report_type(path, (size_t)(at - path) + len, path, shown, value,
                        "map[string]interface{}", errors);
            return NULL;
        }
        AUTO_FREE char *name = mem_strndup(at, len);
        value = json_object_get(value, name);
        at += len + (at[len] == '.');
    }
    return value;
}

static void check_replicas(const json_t *object, const char *path, struct field_errors *errors)
{
    const json_t *value = find_value(object, path, "0", errors);
    if (!value)
        return;
    if (!json_is_integer(value)) {
        report_type(path, strlen(path), path, "0", value, "int64", errors);
        return;
    }
    long long number = json_integer_value(value);
    AUTO_FREE char *field = mem_printf(".%s", path);
    if (number < 0)
        field_errors_add(errors, field, "FieldValueInvalid",
                         "Invalid value: %lld: should be a non-negative integer", number);
    else if (number > INT32_MAX)
        field_errors_add(errors, field, "FieldValueInvalid",
                         "Invalid value: %lld: should be less than or equal to %d", number,
                         INT32_MAX);
}

void validate_scale(const struct schema *schema, const json_t *object, bool status_only,
                    struct field_errors *errors)
{
    if (!schema->scale_spec)
        return;
    if (!status_only)
        check_replicas(object, schema->scale_spec, errors);
    check_replicas(object, schema->scale_status, errors);
    if (!schema->scale_selector)
        return;
    const json_t *value = find_value(object, schema->scale_selector, "\"\"", errors);
    if (value && !json_is_string(value))
        report_type(schema->scale_selector, strlen(schema->scale_selector), schema->scale_selector,
                    "\"\"", value, "string", errors);
}
