/*
 * Strategic merge patches of the kinds of Kubernetes itself: a merge patch, but a few lists are
 * merged by a key, and directives in the patch say what else is to be done.
 */
#include <mot/model/patch.h>

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "internal.h"

#define DIRECTIVE   "$patch"
#define DELETE_FROM "$deleteFromPrimitiveList/"
#define ORDER       "$setElementOrder/"
#define RETAIN      "$retainKeys"

/* Comparisons of two lists with each other. */
#define COMPARISONS_MAX ((size_t)1 << 22)

/* The lists of the served kinds that are not replaced as a whole. */
static const struct {
    const char *path;
    const char *key; /* "" for a list of texts */
} lists[] = {
    {"metadata.finalizers", ""},
    {"metadata.ownerReferences", "uid"},
    {"status.conditions", "type"},
};

static json_t *merge_object(const json_t *target, const json_t *patch, const char *path,
                            struct err *err);

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static char *path_of(const char *path, const char *key)
{
    return mem_printf("%s%s%s", path, *path ? "." : "", key);
}

/* The merge key of a list; NULL when it is replaced. */
static const char *merge_key(const char *path)
{
    for (size_t i = 0; i < MOT_ARRAY_SIZE(lists); i++)
        if (strcmp(lists[i].path, path) == 0)
            return lists[i].key;
    return NULL;
}

static bool is_directive(const char *key)
{
    return strcmp(key, DIRECTIVE) == 0 || strcmp(key, RETAIN) == 0 ||
           begins_with(key, DELETE_FROM) || begins_with(key, ORDER);
}

/* What is new, without nulls in objects and without directives. */
static json_t *copy_plain(const json_t *value)
{
    const char *key;
    json_t *child;
    size_t index;
    json_t *result = json_is_object(value)  ? json_object()
                     : json_is_array(value) ? json_array()
                                            : json_deep_copy(value);
    if (json_is_object(value)) {
        json_object_foreach(json_mutable(value), key, child)
        {
            if (!json_is_null(child) && !is_directive(key))
                json_object_set_new_nocheck(result, key, copy_plain(child));
        }
    } else {
        json_array_foreach(value, index, child)
        {
            json_array_append_new(result, copy_plain(child));
        }
    }
    return result;
}

/* -------------------------------------------------------------------------------- lists */

/* Where the item that is the same, or has the same key, stands; the size when there is none. */
static size_t find(const json_t *list, const json_t *item, const char *key)
{
    size_t i = 0;
    for (; i < json_array_size(list); i++) {
        const json_t *other = json_array_get(list, i);
        if (*key ? json_same(json_object_get(other, key), json_object_get(item, key))
                 : json_same(other, item))
            break;
    }
    return i;
}

static int check_size(const json_t *list, const json_t *other, struct err *err)
{
    size_t items = json_array_size(list) + json_array_size(other);
    if (items > 0 && json_array_size(other) > COMPARISONS_MAX / items)
        return err_set(err, ERR_TOO_LARGE, "the lists of the patch are too long");
    return 0;
}

static const char *directive_of(const json_t *patch)
{
    return json_string_value(json_object_get(patch, DIRECTIVE));
}

static int merge_item(json_t *list, const json_t *item, const char *key, const char *path,
                      struct err *err)
{
    if (!json_object_get(item, key))
        return err_set(err, ERR_INVALID, "an item of %s does not contain declared merge key: %s",
                       path, key);
    const char *directive = directive_of(item);
    size_t at = find(list, item, key);
    bool found = at < json_array_size(list);
    if (directive && strcmp(directive, "delete") == 0) {
        if (found)
            json_array_remove(list, at);
        return 0;
    }
    if (!found)
        return json_array_append_new(list, copy_plain(item));
    json_t *merged = merge_object(json_array_get(list, at), item, path, err);
    return merged ? json_array_set_new(list, at, merged) : -1;
}

static bool replaces_list(const json_t *patch)
{
    for (size_t i = 0; i < json_array_size(patch); i++) {
        const char *directive = directive_of(json_array_get(patch, i));
        if (directive && strcmp(directive, "replace") == 0)
            return true;
    }
    return false;
}

/* A list that is replaced has an item that says so, and is nothing else. */
static json_t *copy_replacing(const json_t *patch)
{
    json_t *result = json_array();
    for (size_t i = 0; i < json_array_size(patch); i++)
        if (!directive_of(json_array_get(patch, i)))
            json_array_append_new(result, copy_plain(json_array_get(patch, i)));
    return result;
}

static json_t *merge_list(const json_t *target, const json_t *patch, const char *path,
                          struct err *err)
{
    const char *key = merge_key(path);
    if (!key || replaces_list(patch))
        return copy_replacing(patch);
    if (check_size(target, patch, err) < 0)
        return NULL;
    json_t *list = json_is_array(target) ? json_deep_copy(target) : json_array();
    for (size_t i = 0; i < json_array_size(patch); i++) {
        const json_t *item = json_array_get(patch, i);
        int result = 0;
        if (*key)
            result = merge_item(list, item, key, path, err);
        else if (find(list, item, "") == json_array_size(list))
            result = json_array_append_new(list, json_deep_copy(item));
        if (result < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void delete_from(json_t *result, const char *name, const json_t *items)
{
    json_t *list = json_object_get(result, name);
    for (size_t i = 0; i < json_array_size(items); i++) {
        size_t at = find(list, json_array_get(items, i), "");
        if (at < json_array_size(list))
            json_array_remove(list, at);
    }
}

/* Those that the order names come in it, where the first of them stood; others stay. */
static void set_order(json_t *result, const char *name, const char *path, const json_t *order)
{
    AUTO_FREE char *full = path_of(path, name);
    const char *key = merge_key(full);
    json_t *list = json_object_get(result, name);
    if (!key || !json_is_array(list))
        return;
    json_t *named = json_array();
    size_t first = json_array_size(list);
    for (size_t i = 0; i < json_array_size(order); i++) {
        size_t at = find(list, json_array_get(order, i), key);
        if (at == json_array_size(list))
            continue;
        first = at < first ? at : first;
        json_array_append(named, json_array_get(list, at));
        json_array_remove(list, at);
    }
    for (size_t i = 0; i < json_array_size(named); i++)
        json_array_insert(list, first < json_array_size(list) ? first + i : json_array_size(list),
                          json_array_get(named, i));
    json_decref(named);
}

/* -------------------------------------------------------------------------------- objects */

static void retain(json_t *result, const json_t *keys)
{
    const char *key;
    json_t *child;
    void *next;
    if (!json_is_array(keys))
        return;
    json_object_foreach_safe(result, next, key, child)
    {
        json_t *name = json_string(key);
        if (find(keys, name, "") == json_array_size(keys))
            json_object_del(result, key);
        json_decref(name);
    }
}

/* NULL with an error. */
static json_t *merge_value(const json_t *target, const json_t *patch, const char *path,
                           struct err *err)
{
    if (json_is_object(patch) && json_is_object(target))
        return merge_object(target, patch, path, err);
    if (json_is_array(patch))
        return merge_list(target, patch, path, err);
    return copy_plain(patch);
}

static int merge_member(json_t *result, const char *key, const json_t *value, const char *path,
                        struct err *err)
{
    if (is_directive(key))
        return 0;
    if (json_is_null(value)) {
        json_object_del(result, key);
        return 0;
    }
    AUTO_FREE char *child = path_of(path, key);
    json_t *merged = merge_value(json_object_get(result, key), value, child, err);
    return merged ? json_object_set_new(result, key, merged) : -1;
}

/* What follows the prefix of a directive is the field that it is about. */
static int follow_directives(json_t *result, const json_t *patch, const char *path, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_mutable(patch), key, value)
    {
        if (!begins_with(key, DELETE_FROM))
            continue;
        const char *name = key + strlen(DELETE_FROM);
        if (check_size(json_object_get(result, name), value, err) < 0)
            return -1;
        delete_from(result, name, value);
    }
    json_object_foreach(json_mutable(patch), key, value)
    {
        if (!begins_with(key, ORDER))
            continue;
        const char *name = key + strlen(ORDER);
        if (check_size(json_object_get(result, name), value, err) < 0)
            return -1;
        set_order(result, name, path, value);
    }
    return 0;
}

static int merge_members(json_t *result, const json_t *patch, const char *path, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_mutable(patch), key, value)
    {
        if (merge_member(result, key, value, path, err) < 0)
            return -1;
    }
    return follow_directives(result, patch, path, err);
}

static json_t *merge_object(const json_t *target, const json_t *patch, const char *path,
                            struct err *err)
{
    const char *directive = directive_of(patch);
    if (directive && strcmp(directive, "replace") == 0)
        return copy_plain(patch);
    if (directive && strcmp(directive, "delete") == 0)
        return json_object();
    if (directive && strcmp(directive, "merge") != 0) {
        err_set(err, ERR_INVALID, "unknown patch type found: %s", directive);
        return NULL;
    }
    json_t *result = json_deep_copy(target);
    retain(result, json_object_get(patch, RETAIN));
    if (merge_members(result, patch, path, err) == 0)
        return result;
    json_decref(result);
    return NULL;
}

json_t *patch_strategic(const json_t *target, const json_t *patch, struct err *err)
{
    if (!json_is_object(target) || !json_is_object(patch)) {
        err_set(err, ERR_INVALID, "a strategic merge patch is an object, of an object");
        return NULL;
    }
    return merge_object(target, patch, "", err);
}
