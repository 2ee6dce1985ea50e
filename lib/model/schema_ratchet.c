/* Which part of an old object a part of the new one was: CorrelatedObject of
 * k8s.io/apiserver/pkg/cel/common. */
#include <stdlib.h>
#include <string.h>

#include <mot/base/map.h>
#include <mot/base/mem.h>

#include "schema_internal.h"

const json_t *find_old_member(const struct node *node, const json_t *old, const char *key)
{
    return node_member(node, key) ? json_object_get(old, key) : NULL;
}

/* The values of an item's keys as one text; NULL unless all of them are there and scalar. */
static char *key_text(const struct node *node, const json_t *item)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < node->map_keys.count; i++) {
        const json_t *value = json_object_get(item, node->map_keys.items[i]);
        if (!json_is_string(value) && !json_is_number(value) && !json_is_boolean(value)) {
            buf_release(&buf);
            return NULL;
        }
        json_write_style(&buf, value, JSON_STYLE_FAITHFUL);
        buf_addc(&buf, ',');
    }
    return buf_take(&buf);
}

struct map *index_old_items(const struct node *node, const json_t *old)
{
    size_t index;
    json_t *item;
    if (node->list_type != LIST_MAP || !json_is_array(old))
        return NULL;
    struct map *items = map_new(NULL);
    json_array_foreach(old, index, item)
    {
        AUTO_FREE char *key = key_text(node, item);
        if (key && !map_has(items, key))
            map_put(items, key, item);
    }
    return items;
}

const json_t *find_old_item(const struct node *node, const struct map *old_items,
                            const json_t *item)
{
    if (!old_items)
        return NULL;
    AUTO_FREE char *key = key_text(node, item);
    return key ? map_get(old_items, key) : NULL;
}

static bool is_same_list(const struct node *node, const json_t *value, const json_t *old)
{
    size_t index;
    json_t *item;
    bool same = json_array_size(value) == json_array_size(old);
    if (node->list_type != LIST_MAP || !node->items)
        return json_equal(value, old);
    struct map *old_items = index_old_items(node, old);
    json_array_foreach(value, index, item)
    {
        const json_t *before = same ? find_old_item(node, old_items, item) : NULL;
        same = before && is_unchanged(node->items, item, before);
        if (!same)
            break;
    }
    map_free(old_items);
    return same;
}

static bool is_same_object(const struct node *node, const json_t *value, const json_t *old)
{
    const char *key;
    json_t *member;
    if (json_object_size(value) != json_object_size(old))
        return false;
    json_object_foreach(json_mutable(value), key, member)
    {
        const json_t *before = find_old_member(node, old, key);
        if (!before || !is_unchanged(node_member(node, key), member, before))
            return false;
    }
    return true;
}

bool is_unchanged(const struct node *node, const json_t *value, const json_t *old)
{
    if (json_is_array(value) && json_is_array(old))
        return is_same_list(node, value, old);
    if (json_is_object(value) && json_is_object(old))
        return is_same_object(node, value, old);
    return json_equal(value, old);
}
