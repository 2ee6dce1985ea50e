/* The wire form of a set. A node is an object; "." says that the path itself is a member, and an
 * empty object is nothing but that. */
#include <string.h>

#include "field_set.h"
#include "internal.h"

static int parse_node(struct arena *arena, const json_t *json, const struct field_set **ret_set)
{
    if (!json_is_object(json) && !json_is_null(json))
        return -1;
    struct set_builder builder = {.arena = arena};
    bool member = false;
    const char *key;
    json_t *value;
    json_object_foreach(json_mutable(json), key, value)
    {
        struct path_element element;
        const struct field_set *below;
        if (strcmp(key, ".") == 0) {
            member = true;
            continue;
        }
        int parsed = path_element_parse(arena, key, &element);
        if (parsed > 0)
            continue; /* a later version of the format knows it */
        if (parsed < 0 || parse_node(arena, value, &below) != 0)
            return -1;
        set_builder_add(&builder, element, below);
    }
    *ret_set = set_builder_finish(&builder, member || builder.count == 0);
    return 0;
}

int fields_v1_parse(struct arena *arena, const json_t *json, const struct field_set **ret_set)
{
    *ret_set = NULL;
    if (!json || json_is_null(json))
        return 0;
    const struct field_set *root;
    if (parse_node(arena, json, &root) != 0)
        return -1;
    /* The object as a whole belongs to nobody. */
    struct set_builder builder = {.arena = arena};
    for (size_t i = 0; i < root->count; i++)
        set_builder_add(&builder, root->entries[i].element, root->entries[i].set);
    *ret_set = set_builder_finish(&builder, false);
    return 0;
}

static json_t *print_node(const struct field_set *set, struct buf *key)
{
    json_t *object = json_object();
    if (set->member && set->count > 0)
        json_object_set_new_nocheck(object, ".", json_object());
    for (size_t i = 0; i < set->count; i++) {
        json_t *below = print_node(set->entries[i].set, key);
        buf_clear(key);
        path_element_print(key, &set->entries[i].element);
        json_object_set_new_nocheck(object, key->data, below);
    }
    return object;
}

json_t *fields_v1_print(const struct field_set *set)
{
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    json_t *object = set ? print_node(set, &key) : json_object();
    buf_release(&key);
    return object;
}
