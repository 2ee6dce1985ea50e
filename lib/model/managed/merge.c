/* A configuration on top of the live value, and a value without some of its fields. */
#include <string.h>

#include "internal.h"
#include "walks.h"

static json_t *merge(struct arena *arena, const struct field_type *type, const json_t *live,
                     const json_t *config, int depth);

static const struct field_type *member_type(const struct field_type *type, const char *name)
{
    const struct field_type *member = type_member(type, name);
    return member ? member : &type_deduced;
}

static json_t *share(const json_t *value)
{
    return json_incref(json_mutable(value));
}

/* ---- maps ---- */

static json_t *merge_members(struct arena *arena, const struct field_type *type, const json_t *live,
                             const json_t *config, int depth)
{
    json_t *result = json_object();
    const char *name;
    json_t *value;
    json_object_foreach(json_mutable(live), name, value)
    {
        json_t *merged =
            merge(arena, member_type(type, name), value, json_object_get(config, name), depth + 1);
        if (merged)
            json_object_set_new_nocheck(result, name, merged);
    }
    json_object_foreach(json_mutable(config), name, value)
    {
        if (!json_object_get(live, name))
            json_object_set_new_nocheck(result, name, share(value));
    }
    if (json_object_size(result) > 0)
        return result;
    json_decref(result);
    return NULL;
}

/* ---- lists ---- */

/* An item of one side. */
struct position {
    const json_t *value;
    size_t other; /* the index of the same element on the other side; NOWHERE: there is none */
    bool duplicate;
};
#define NOWHERE SIZE_MAX

struct list_merge {
    struct arena *arena;
    const struct field_type *type;
    int depth;
    struct position *left;
    struct position *right;
    size_t left_count;
    size_t right_count;
    size_t *shared; /* indexes on the right, in its order, of what both have */
    size_t shared_count;
    size_t next_shared;
    bool *done; /* by index on the right */
    json_t *result;
};

/* Duplicates on the left meet the one item on the right. */
static void match_runs(struct list_merge *merge, const struct list_item *left, size_t m,
                       const struct list_item *right, size_t n)
{
    for (size_t i = 0; i < m; i++) {
        struct position *position = &merge->left[left[i].index];
        *position = (struct position){left[i].value, n > 0 ? right->index : NOWHERE, m > 1};
    }
    for (size_t j = 0; j < n; j++) {
        struct position *position = &merge->right[right[j].index];
        *position = (struct position){right[j].value, m > 0 ? left->index : NOWHERE, m > 1};
    }
}

static struct position *unmatched(struct arena *arena, const json_t *list)
{
    struct position *positions = arena_array(arena, json_array_size(list), sizeof(*positions));
    for (size_t i = 0; i < json_array_size(list); i++)
        positions[i] = (struct position){.value = json_array_get(list, i), .other = NOWHERE};
    return positions;
}

static void match_items(struct list_merge *merge, const json_t *live, const json_t *config)
{
    struct list_items left = list_items_index(merge->arena, merge->type, live);
    struct list_items right = list_items_index(merge->arena, merge->type, config);
    merge->left_count = json_array_size(live);
    merge->right_count = json_array_size(config);
    merge->left = unmatched(merge->arena, live);
    merge->right = unmatched(merge->arena, config);
    for (size_t i = 0, j = 0; i < left.count || j < right.count;) {
        int order = i < left.count ? -1 : 1;
        if (i < left.count && j < right.count)
            order = path_element_compare(&left.sorted[i].element, &right.sorted[j].element);
        size_t m = order <= 0 ? list_items_run(&left, i) : 0;
        size_t n = order >= 0 ? list_items_run(&right, j) : 0;
        match_runs(merge, left.sorted + i, m, right.sorted + j, n);
        i += m;
        j += n;
    }
}

static void find_shared(struct list_merge *merge)
{
    merge->shared = arena_array(merge->arena, merge->right_count, sizeof(*merge->shared));
    merge->done = arena_array(merge->arena, merge->right_count, sizeof(*merge->done));
    for (size_t j = 0; j < merge->right_count; j++) {
        if (merge->right[j].other != NOWHERE)
            merge->shared[merge->shared_count++] = j;
    }
}

static bool is_next_shared(const struct list_merge *merge, size_t right)
{
    return merge->next_shared < merge->shared_count && merge->shared[merge->next_shared] == right;
}

static void emit(struct list_merge *list, size_t right)
{
    const struct position *position = &list->right[right];
    bool met = position->other != NOWHERE && !position->duplicate;
    const json_t *live = met ? list->left[position->other].value : NULL;
    json_t *merged = merge(list->arena, list->type->items, live, position->value, list->depth + 1);
    list->done[right] = true;
    list->next_shared += is_next_shared(list, right);
    if (merged)
        json_array_append_new(list->result, merged);
}

/*
 * The live order for what only @live has, the order of the configuration for its own items; an item
 * that both have stands where the configuration wants it among the shared ones.
 */
static void order_items(struct list_merge *list)
{
    size_t i = 0;
    size_t j = 0;
    while (i < list->left_count || j < list->right_count) {
        const struct position *left = i < list->left_count ? &list->left[i] : NULL;
        if (left && j < list->right_count) {
            if (left->other == j) {
                emit(list, j++);
                i++;
                continue;
            }
            if (left->other != NOWHERE && list->next_shared < list->shared_count &&
                !is_next_shared(list, left->other)) {
                i++;
                continue;
            }
        }
        if (left && left->other == NOWHERE) {
            json_array_append(list->result, json_mutable(left->value));
            i++;
            continue;
        }
        if (left && list->done[left->other])
            i++;
        if (j < list->right_count)
            emit(list, j++);
    }
}

static json_t *merge_items(struct arena *arena, const struct field_type *type, const json_t *live,
                           const json_t *config, int depth)
{
    struct list_merge list = {.arena = arena, .type = type, .depth = depth, .result = json_array()};
    match_items(&list, live, config);
    find_shared(&list);
    order_items(&list);
    if (json_array_size(list.result) > 0)
        return list.result;
    json_decref(list.result);
    return NULL;
}

/* ---- any ---- */

static json_t *merge(struct arena *arena, const struct field_type *type, const json_t *live,
                     const json_t *config, int depth)
{
    if (!live || !config || live == config)
        return share(config ? config : live);
    enum shape shape = first_shape(type_shapes(type, config));
    bool map = shape == SHAPE_MAP;
    bool empty = map ? is_empty_map(live) && is_empty_map(config)
                     : is_empty_list(live) && is_empty_list(config);
    if (empty || is_whole(type, shape, depth))
        return share(config);
    return map ? merge_members(arena, type, live, config, depth)
               : merge_items(arena, type, live, config, depth);
}

json_t *merge_values(struct arena *arena, const struct field_type *type, const json_t *live,
                     const json_t *config)
{
    return merge(arena, type, live, config, 0);
}

/* ---- removal ---- */

static json_t *without(struct arena *arena, const struct field_type *type, const json_t *value,
                       const struct field_set *set, int depth);

/* NULL when the child itself goes. */
static json_t *child_without(struct arena *arena, const struct field_type *type,
                             const json_t *child, const struct field_set *set, int depth)
{
    if (!set)
        return share(child);
    return set->member ? NULL : without(arena, type, child, set, depth + 1);
}

static json_t *members_without(struct arena *arena, const struct field_type *type,
                               const json_t *value, const struct field_set *set, int depth)
{
    json_t *result = json_object();
    const char *name;
    json_t *child;
    json_object_foreach(json_mutable(value), name, child)
    {
        struct path_element element = {.text = name, .kind = 'f'};
        json_t *kept = child_without(arena, member_type(type, name), child,
                                     field_set_find(set, &element), depth);
        if (kept)
            json_object_set_new_nocheck(result, name, kept);
    }
    return result;
}

static json_t *items_without(struct arena *arena, const struct field_type *type,
                             const json_t *value, const struct field_set *set, int depth)
{
    json_t *result = json_array();
    size_t index;
    json_t *child;
    json_array_foreach(value, index, child)
    {
        struct path_element element;
        const char *problem;
        const struct field_set *below = NULL;
        if (list_item_element(arena, type, child, &element, &problem) == 0)
            below = field_set_find(set, &element);
        json_t *kept = child_without(arena, type->items, child, below, depth);
        if (kept)
            json_array_append_new(result, kept);
    }
    return result;
}

static json_t *without(struct arena *arena, const struct field_type *type, const json_t *value,
                       const struct field_set *set, int depth)
{
    enum shape shape = first_shape(type_shapes(type, value));
    if (shape == SHAPE_SCALAR)
        return share(value);
    bool empty = shape == SHAPE_MAP ? is_empty_map(value) : is_empty_list(value);
    if (empty || is_whole(type, shape, depth))
        return json_null();
    json_t *result = shape == SHAPE_MAP ? members_without(arena, type, value, set, depth)
                                        : items_without(arena, type, value, set, depth);
    if (json_object_size(result) > 0 || json_array_size(result) > 0)
        return result;
    json_decref(result);
    return json_null();
}

json_t *remove_fields(struct arena *arena, const struct field_type *type, const json_t *value,
                      const struct field_set *set)
{
    return set ? without(arena, type, value, set, 0) : share(value);
}
