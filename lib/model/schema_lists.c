#include <stdlib.h>
#include <string.h>

#include <mot/base/map.h>
#include <mot/base/mem.h>

#include "schema_internal.h"

static void check(const struct node *node, const json_t *value, const struct path *path,
                  struct field_errors *errors);

static void report(const struct path *path, const char *reason, const char *prefix,
                   const json_t *value, const char *suffix, struct field_errors *errors)
{
    struct buf buf;
    if (field_errors_full(errors))
        return;
    AUTO_FREE char *field = path_field(path);
    buf_init(&buf, BUF_MAX_DEFAULT);
    write_bad_value(&buf, value);
    field_errors_add(errors, field, reason, "%s: %s%s", prefix, buf.data, suffix);
    buf_release(&buf);
}

static char *canonical_text(const json_t *value)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    json_write_style(&buf, value, JSON_STYLE_SORTED);
    return buf_take(&buf);
}

/* Each value that stands twice is reported once, at its second place. */
static void check_unique(struct map *seen, const json_t *value, const struct path *path,
                         struct field_errors *errors)
{
    static char once;
    static char more;
    AUTO_FREE char *text = canonical_text(value);
    const void *state = map_get(seen, text);
    if (state == &once)
        report(path, "FieldValueDuplicate", "Duplicate value", value, "", errors);
    map_put(seen, text, state ? &more : &once);
}

/* The members that make up the key of an item; missing ones stay missing. */
static json_t *key_of(const struct node *node, const json_t *item)
{
    json_t *key = json_object();
    for (size_t i = 0; i < node->map_keys.count; i++) {
        json_t *value = json_object_get(item, node->map_keys.items[i]);
        if (value)
            json_object_set(key, node->map_keys.items[i], value);
    }
    return key;
}

static bool check_item_types(const json_t *array, const struct path *parent,
                             struct field_errors *errors)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        struct path path = {.parent = parent, .index = index};
        if (json_is_object(item) || json_is_null(item))
            continue;
        report(&path, "FieldValueInvalid", "Invalid value", item,
               ": must be an object for an array of list-type map", errors);
        return false;
    }
    return true;
}

static void check_list(const struct node *node, const json_t *array, const struct path *parent,
                       struct field_errors *errors)
{
    size_t index;
    json_t *item;
    if (node->list_type == LIST_ATOMIC ||
        (node->list_type == LIST_MAP && !check_item_types(array, parent, errors)))
        return;
    if (json_array_size(array) < 2)
        return;
    struct map *seen = map_new(NULL);
    json_array_foreach(array, index, item)
    {
        struct path path = {.parent = parent, .index = index};
        json_t *value = node->list_type == LIST_MAP ? key_of(node, item) : json_incref(item);
        check_unique(seen, value, &path, errors);
        json_decref(value);
    }
    map_free(seen);
}

static void check_array(const struct node *node, const json_t *array, const struct path *parent,
                        struct field_errors *errors)
{
    size_t index;
    json_t *item;
    check_list(node, array, parent, errors);
    if (!node->items)
        return;
    json_array_foreach(array, index, item)
    {
        struct path path = {.parent = parent, .index = index};
        check(node->items, item, &path, errors);
    }
}

static void check_object(const struct node *node, const json_t *object, const struct path *parent,
                         struct field_errors *errors)
{
    struct json_entry *entries = json_sorted_entries(object);
    size_t count = json_object_size(object);
    for (size_t i = 0; i < count; i++) {
        const struct node *property = node_property(node, entries[i].key);
        struct path path = {.parent = parent, .key = entries[i].key, .is_map_key = !property};
        check(property ? property : node->additional_node, entries[i].value, &path, errors);
    }
    free(entries);
}

static void check(const struct node *node, const json_t *value, const struct path *path,
                  struct field_errors *errors)
{
    if (!node || (!node->has_lists && node->list_type == LIST_ATOMIC))
        return;
    if (json_is_array(value))
        check_array(node, value, path, errors);
    else if (json_is_object(value))
        check_object(node, value, path, errors);
}

void validate_lists(const struct node *node, const json_t *object, struct field_errors *errors)
{
    check(node, object, NULL, errors);
}
