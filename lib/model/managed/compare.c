/* What changed from one value to another, and what an apply of a value owns. */
#include <string.h>

#include "internal.h"
#include "walks.h"

static const struct field_type *member_type(const struct field_type *type, const char *name)
{
    const struct field_type *member = type_member(type, name);
    return member ? member : &type_deduced;
}

static struct path_element field_element(const char *name)
{
    return (struct path_element){.text = name, .kind = 'f'};
}

/* ---- the paths that a value owns ---- */

static const struct field_set *owned(struct arena *arena, const struct field_type *type,
                                     const json_t *value, int depth);

static const struct field_set *owned_members(struct arena *arena, const struct field_type *type,
                                             const json_t *value, int depth)
{
    struct set_builder builder = {.arena = arena};
    const char *name;
    json_t *child;
    json_object_foreach(json_mutable(value), name, child)
    {
        const struct field_set *below = owned(arena, member_type(type, name), child, depth + 1);
        bool nothing = json_is_null(child) || (json_is_object(child) && is_empty_map(child));
        if (nothing || !type_declared(type, name))
            below = field_set_as_member(arena, below);
        set_builder_add(&builder, field_element(name), below);
    }
    return set_builder_finish(&builder, false);
}

static const struct field_set *owned_items(struct arena *arena, const struct field_type *type,
                                           const json_t *value, int depth)
{
    struct set_builder builder = {.arena = arena};
    struct list_items items = list_items_index(arena, type, value);
    for (size_t i = 0, run; i < items.count; i += run) {
        const struct field_set *below = NULL;
        run = list_items_run(&items, i);
        if (run == 1)
            below = owned(arena, type->items, items.sorted[i].value, depth + 1);
        set_builder_add(&builder, items.sorted[i].element, field_set_as_member(arena, below));
    }
    return set_builder_finish(&builder, false);
}

static const struct field_set *owned(struct arena *arena, const struct field_type *type,
                                     const json_t *value, int depth)
{
    enum shape shape = first_shape(type_shapes(type, value));
    if (is_whole(type, shape, depth))
        return &field_leaf;
    return shape == SHAPE_MAP ? owned_members(arena, type, value, depth)
                              : owned_items(arena, type, value, depth);
}

const struct field_set *field_set_of(struct arena *arena, const struct field_type *type,
                                     const json_t *value)
{
    return owned(arena, type, value, 0);
}

/* ---- comparison ---- */

struct builders {
    struct set_builder removed;
    struct set_builder modified;
    struct set_builder added;
};

static struct comparison compare(struct arena *arena, const struct field_type *type,
                                 const json_t *old, const json_t *new, int depth);

static void builders_add(struct builders *builders, struct path_element element,
                         struct comparison below)
{
    set_builder_add(&builders->removed, element, below.removed);
    set_builder_add(&builders->modified, element, below.modified);
    set_builder_add(&builders->added, element, below.added);
}

/* A container that came or went is a member itself. */
static struct comparison builders_finish(struct builders *builders, bool removed, bool added)
{
    return (struct comparison){
        .removed = set_builder_finish(&builders->removed, removed),
        .modified = set_builder_finish(&builders->modified, false),
        .added = set_builder_finish(&builders->added, added),
    };
}

static struct comparison compare_whole(const json_t *old, const json_t *new)
{
    if (!old)
        return (struct comparison){.added = &field_leaf};
    if (!new)
        return (struct comparison){.removed = &field_leaf};
    return (struct comparison){.modified = value_equal(old, new) ? NULL : &field_leaf};
}

static void compare_members(struct builders *builders, const struct field_type *type,
                            const json_t *old, const json_t *new, int depth)
{
    struct arena *arena = builders->added.arena;
    const char *name;
    json_t *value;
    json_object_foreach(json_mutable(old), name, value)
    {
        const json_t *other = json_object_get(new, name);
        builders_add(builders, field_element(name),
                     compare(arena, member_type(type, name), value, other, depth + 1));
    }
    json_object_foreach(json_mutable(new), name, value)
    {
        if (!json_object_get(old, name))
            builders_add(builders, field_element(name),
                         compare(arena, member_type(type, name), NULL, value, depth + 1));
    }
}

static bool runs_equal(const struct list_item *a, const struct list_item *b, size_t m, size_t n)
{
    if (m != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!value_equal(a[i].value, b[i].value))
            return false;
    }
    return true;
}

/* The items of one path element, on both sides. Duplicates are compared as one atomic thing. */
static struct comparison compare_runs(struct arena *arena, const struct field_type *type,
                                      const struct list_item *old, size_t m,
                                      const struct list_item *new, size_t n, int depth)
{
    struct comparison result = {0};
    if (m >= 2 && n >= 2) {
        result.modified = runs_equal(old, new, m, n) ? NULL : &field_leaf;
        return result;
    }
    const json_t *left = m == 1 ? old->value : NULL;
    const json_t *right = n == 1 ? new->value : NULL;
    if (left || right)
        result = compare(arena, type->items, left, right, depth + 1);
    if (m >= 2)
        result.removed = field_set_as_member(arena, result.removed);
    if (n >= 2)
        result.added = field_set_as_member(arena, result.added);
    return result;
}

static void compare_items(struct builders *builders, const struct field_type *type,
                          const json_t *old, const json_t *new, int depth)
{
    struct arena *arena = builders->added.arena;
    struct list_items left = list_items_index(arena, type, old);
    struct list_items right = list_items_index(arena, type, new);
    for (size_t i = 0, j = 0; i < left.count || j < right.count;) {
        int order = i < left.count ? -1 : 1;
        if (i < left.count && j < right.count)
            order = path_element_compare(&left.sorted[i].element, &right.sorted[j].element);
        size_t m = order <= 0 ? list_items_run(&left, i) : 0;
        size_t n = order >= 0 ? list_items_run(&right, j) : 0;
        builders_add(builders, m > 0 ? left.sorted[i].element : right.sorted[j].element,
                     compare_runs(arena, type, left.sorted + i, m, right.sorted + j, n, depth));
        i += m;
        j += n;
    }
}

static struct comparison compare_as(struct arena *arena, const struct field_type *type,
                                    enum shape shape, const json_t *old, const json_t *new,
                                    int depth)
{
    bool map = shape == SHAPE_MAP;
    bool empty =
        map ? is_empty_map(old) && is_empty_map(new) : is_empty_list(old) && is_empty_list(new);
    if (empty || is_whole(type, shape, depth))
        return compare_whole(old, new);
    struct builders builders = {{.arena = arena}, {.arena = arena}, {.arena = arena}};
    if (map)
        compare_members(&builders, type, old, new, depth);
    else
        compare_items(&builders, type, old, new, depth);
    return builders_finish(&builders, !new, !old);
}

static struct comparison compare(struct arena *arena, const struct field_type *type,
                                 const json_t *old, const json_t *new, int depth)
{
    unsigned left = type_shapes(type, old);
    unsigned right = type_shapes(type, new);
    if (old == new)
        return (struct comparison){0};
    if (!new)
        return compare_as(arena, type, first_shape(left), old, new, depth);
    struct comparison result = compare_as(arena, type, first_shape(right), old, new, depth);
    if (!old || left == right)
        return result;
    /* The value changed its shape: what was below it is gone. */
    struct comparison gone = compare_as(arena, type, first_shape(left), old, new, depth);
    return (struct comparison){
        .removed = field_set_union(arena, gone.removed, result.removed),
        .modified = field_set_union(arena, gone.modified, result.modified),
        .added = field_set_union(arena, gone.added, result.added),
    };
}

struct comparison compare_values_typed(struct arena *arena, const struct field_type *type,
                                       const json_t *old, const json_t *new)
{
    return compare(arena, type, old, new, 0);
}
