#include <stdlib.h>
#include <string.h>

#include "schema_internal.h"

static void prune(json_t *value, const struct node *node, const struct path *path,
                  struct texts *unknown);

static bool is_meta_field(const char *key)
{
    return strcmp(key, "metadata") == 0 || strcmp(key, "kind") == 0 ||
           strcmp(key, "apiVersion") == 0;
}

static void record(const struct path *path, struct texts *unknown)
{
    if (!unknown)
        return;
    char *text = path_text(path);
    texts_addf(unknown, "unknown field \"%s\"", text);
    free(text);
}

static void prune_object(json_t *object, const struct node *node, const struct path *parent,
                         struct texts *unknown)
{
    bool keep_meta = node && (node->embedded_resource || !parent);
    bool keep_unknown = node && node->preserve_unknown;
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, key, value)
    {
        struct path path = {.parent = parent, .key = key};
        const struct node *property = node ? node_property(node, key) : NULL;
        if (keep_meta && is_meta_field(key))
            continue;
        if (property)
            prune(value, property, &path, unknown);
        else if (node && node->additional != ADDITIONAL_ABSENT)
            prune(value, node->additional_node, &path, unknown);
        else if (!keep_unknown) {
            record(&path, unknown);
            json_object_del(object, key);
        }
    }
}

/* Below a node that preserves unknown fields, only what is declared is pruned. */
static void prune_preserved(json_t *value, const struct node *node, const struct path *parent,
                            struct texts *unknown)
{
    if (!node)
        return;
    size_t index;
    json_t *item;
    if (json_is_object(value)) {
        struct node preserving = *node;
        preserving.preserve_unknown = true;
        prune_object(value, &preserving, parent, unknown);
    }
    json_array_foreach(value, index, item)
    {
        struct path path = {.parent = parent, .index = index};
        prune_preserved(item, node->items, &path, unknown);
    }
}

static void prune(json_t *value, const struct node *node, const struct path *path,
                  struct texts *unknown)
{
    size_t index;
    json_t *item;
    if (node && node->preserve_unknown) {
        prune_preserved(value, node, path, unknown);
        return;
    }
    if (json_is_object(value))
        prune_object(value, node, path, unknown);
    json_array_foreach(value, index, item)
    {
        struct path at = {.parent = path, .index = index};
        prune(item, node ? node->items : NULL, &at, unknown);
    }
}

static bool is_dropped_null(const json_t *value, const struct node *node)
{
    return json_is_null(value) && node && !node->nullable && !node->fallback;
}

static void drop_nulls(json_t *value, const struct node *node)
{
    const char *key;
    json_t *child;
    void *next;
    size_t index;
    if (!node)
        return;
    json_object_foreach_safe(value, next, key, child)
    {
        const struct node *member = node_member(node, key);
        if (is_dropped_null(child, member))
            json_object_del(value, key);
        else
            drop_nulls(child, member);
    }
    json_array_foreach(value, index, child)
    {
        drop_nulls(child, node->items);
    }
}

/* Takes over what @from holds. */
static void move_texts(struct texts *to, struct texts *from)
{
    texts_sort(from);
    for (size_t i = 0; i < from->count; i++)
        texts_add(to, from->items[i]);
    free(from->items);
    *from = (struct texts){0};
}

void schema_prune(const struct schema *schema, json_t *object, struct texts *unknown)
{
    struct texts found = {0};
    if (!json_is_object(object))
        return;
    prune_metadata(object, NULL, unknown);
    prune(object, schema->root, NULL, unknown ? &found : NULL);
    drop_nulls(object, schema->root);
    if (unknown)
        move_texts(unknown, &found);
    prune_embedded(schema->root, object, unknown ? &found : NULL);
    if (unknown)
        move_texts(unknown, &found);
}
