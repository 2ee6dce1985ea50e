/* x-kubernetes-embedded-resource: objects inside of objects, with apiVersion, kind and metadata of
 * their own. What k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta does with them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/json.h>

#include "schema_internal.h"

typedef int (*visit)(void *context, json_t *object, const struct path *path);

static int walk(json_t *value, const struct node *node, const struct path *parent, visit visitor,
                void *context);

static int walk_members(json_t *value, const struct node *node, const struct path *parent,
                        visit visitor, void *context)
{
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member)
    {
        const struct node *property = node_property(node, key);
        struct path path = {.parent = parent, .key = key, .is_map_key = !property};
        if (walk(member, property ? property : node->additional_node, &path, visitor, context) != 0)
            return -1;
    }
    return 0;
}

/* Visits every embedded object; ends when the visitor says -1. */
static int walk(json_t *value, const struct node *node, const struct path *parent, visit visitor,
                void *context)
{
    size_t index;
    json_t *item;
    if (!node || !node->has_embedded)
        return 0;
    if (node->embedded_resource && json_is_object(value) && visitor(context, value, parent) != 0)
        return -1;
    json_array_foreach(value, index, item)
    {
        struct path path = {.parent = parent, .index = index};
        if (walk(item, node->items, &path, visitor, context) != 0)
            return -1;
    }
    return walk_members(value, node, parent, visitor, context);
}

/* ---- types ---- */

static int refuse(const struct path *parent, const char *key, const json_t *value, const char *why,
                  struct err *err)
{
    struct path path = {.parent = parent, .key = key};
    AUTO_FREE char *field = path_text(&path);
    struct buf shown;
    buf_init(&shown, BUF_MAX_DEFAULT);
    write_bad_value(&shown, value);
    err_set(err, ERR_INVALID, "%s: Invalid value: %s: %s", field, shown.data, why);
    buf_release(&shown);
    return -1;
}

static int check_types(void *context, json_t *object, const struct path *path)
{
    static const char *const texts[] = {"apiVersion", "kind"};
    struct err *err = context;
    struct err why = {0};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(texts); i++) {
        const json_t *value = json_object_get(object, texts[i]);
        if (value && !json_is_string(value))
            return refuse(path, texts[i], value, "must be a string", err);
    }
    if (schema_check_metadata(object, &why) != 0)
        return refuse(path, "metadata", json_object_get(object, "metadata"), why.message, err);
    return 0;
}

int check_embedded_types(const struct node *root, const json_t *object, struct err *err)
{
    return walk(json_mutable(object), root, NULL, check_types, err);
}

/* ---- pruning ---- */

static int prune_one(void *context, json_t *object, const struct path *path)
{
    prune_metadata(object, path, context);
    return 0;
}

void prune_embedded(const struct node *root, json_t *object, struct texts *unknown)
{
    walk(object, root, NULL, prune_one, unknown);
}

/* ---- validation ---- */

static void report(const struct path *parent, const char *key, const json_t *value,
                   const char *problem, struct field_errors *errors)
{
    struct path path = {.parent = parent, .key = key};
    AUTO_FREE char *field = path_text(&path);
    struct buf shown;
    buf_init(&shown, BUF_MAX_DEFAULT);
    write_bad_value(&shown, value);
    field_errors_add(errors, field, "FieldValueInvalid", "Invalid value: %s: %s", shown.data,
                     problem);
    buf_release(&shown);
}

/* True when there is a text to look at more closely. */
static bool check_text(const json_t *object, const struct path *path, const char *key,
                       struct field_errors *errors)
{
    const json_t *value = json_object_get(object, key);
    if (!value) {
        struct path at = {.parent = path, .key = key};
        AUTO_FREE char *field = path_text(&at);
        field_errors_add(errors, field, "FieldValueRequired", "Required value");
    } else if (!json_is_string(value)) {
        report(path, key, value, "must be a string", errors);
    } else if (json_string_length(value) == 0) {
        report(path, key, value, "must not be empty", errors);
    } else {
        return true;
    }
    return false;
}

static void check_api_version(const json_t *object, const struct path *path,
                              struct field_errors *errors)
{
    const json_t *value = json_object_get(object, "apiVersion");
    const char *text = json_string_value(value);
    const char *slash = strchr(text, '/');
    if (!slash || !strchr(slash + 1, '/'))
        return;
    AUTO_FREE char *problem = mem_printf("unexpected GroupVersion string: %s", text);
    report(path, "apiVersion", value, problem, errors);
}

static void check_kind(const json_t *object, const struct path *path, struct field_errors *errors)
{
    const json_t *value = json_object_get(object, "kind");
    AUTO_FREE char *lower = mem_strdup(json_string_value(value));
    struct name_problems problems = {0};
    struct buf text;
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    check_dns1035_label(lower, &problems);
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_adds(&text, "may have mixed case, but should otherwise match: ");
    for (size_t i = 0; i < problems.count; i++)
        buf_addf(&text, "%s%s", i > 0 ? "," : "", problems.texts[i]);
    if (problems.count > 0)
        report(path, "kind", value, text.data, errors);
    buf_release(&text);
    name_problems_release(&problems);
}

/* An embedded object needs no name. */
static json_t *with_name(const json_t *metadata)
{
    const char *name = json_at_text(metadata, "name");
    json_t *copy = json_copy(json_mutable(metadata));
    if (!name || !*name)
        json_object_set_new(copy, "name", json_string("fakename"));
    return json_pack("{s:o}", "metadata", copy);
}

static void check_embedded_metadata(const json_t *object, const struct path *path,
                                    struct field_errors *errors)
{
    const json_t *metadata = json_object_get(object, "metadata");
    struct field_errors found = {.max = errors->max};
    struct err err = {0};
    if (!metadata)
        return;
    if (schema_check_metadata(object, &err) != 0) {
        report(path, "metadata", metadata, err.message, errors);
        return;
    }
    json_t *named = json_is_object(metadata) ? with_name(metadata) : NULL;
    if (named)
        validate_metadata(named, NAME_PATH_SEGMENT, &found);
    json_decref(named);
    AUTO_FREE char *prefix = path_text(path);
    field_errors_prefix(&found, prefix);
    field_errors_merge(errors, &found);
}

static int validate_one(void *context, json_t *object, const struct path *path)
{
    struct field_errors *errors = context;
    bool version = check_text(object, path, "apiVersion", errors);
    bool kind = check_text(object, path, "kind", errors);
    if (version)
        check_api_version(object, path, errors);
    if (kind)
        check_kind(object, path, errors);
    check_embedded_metadata(object, path, errors);
    return 0;
}

void validate_embedded(const struct node *root, const json_t *object, struct field_errors *errors)
{
    walk(json_mutable(object), root, NULL, validate_one, errors);
}
