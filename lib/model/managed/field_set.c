#include "field_set.h"

#include <stdlib.h>
#include <string.h>

const struct field_set field_leaf = {.member = true};

int path_element_compare(const struct path_element *a, const struct path_element *b)
{
    if (a->kind != b->kind)
        return a->kind - b->kind;
    return a->text == b->text ? 0 : strcmp(a->text, b->text);
}

static int compare_entries(const void *a, const void *b)
{
    const struct field_entry *left = a;
    const struct field_entry *right = b;
    return path_element_compare(&left->element, &right->element);
}

/* ---- building ---- */

void set_builder_add(struct set_builder *builder, struct path_element element,
                     const struct field_set *set)
{
    if (!set)
        return;
    if (builder->count == builder->capacity) {
        size_t capacity = builder->capacity ? builder->capacity * 2 : 8;
        struct field_entry *grown = arena_array(builder->arena, capacity, sizeof(*grown));
        if (builder->count > 0)
            memcpy(grown, builder->entries, builder->count * sizeof(*grown));
        builder->entries = grown;
        builder->capacity = capacity;
    }
    builder->entries[builder->count++] = (struct field_entry){element, set};
}

static bool is_sorted(const struct field_entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (compare_entries(&entries[i - 1], &entries[i]) >= 0)
            return false;
    }
    return true;
}

static size_t join_equal(struct arena *arena, struct field_entry *entries, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_entries(&entries[kept - 1], &entries[i]) == 0)
            entries[kept - 1].set = field_set_union(arena, entries[kept - 1].set, entries[i].set);
        else
            entries[kept++] = entries[i];
    }
    return kept;
}

static const struct field_set *new_node(struct arena *arena, bool member,
                                        const struct field_entry *entries, size_t count)
{
    if (count == 0)
        return member ? &field_leaf : NULL;
    struct field_set *set = arena_alloc(arena, sizeof(*set));
    *set = (struct field_set){member, count, entries};
    return set;
}

const struct field_set *set_builder_finish(struct set_builder *builder, bool member)
{
    if (!is_sorted(builder->entries, builder->count)) {
        qsort(builder->entries, builder->count, sizeof(*builder->entries), compare_entries);
        builder->count = join_equal(builder->arena, builder->entries, builder->count);
    }
    return new_node(builder->arena, member, builder->entries, builder->count);
}

const struct field_set *field_set_as_member(struct arena *arena, const struct field_set *set)
{
    if (!set)
        return &field_leaf;
    return set->member ? set : new_node(arena, true, set->entries, set->count);
}

/* ---- algebra ---- */

/* Walks both lists at once. Returns which sides stand at the same, smallest element, and moves
 * them on. */
struct pair {
    const struct field_entry *left; /* NULL: not on this side */
    const struct field_entry *right;
};
struct zip {
    const struct field_set *a;
    const struct field_set *b;
    size_t i;
    size_t j;
};

static bool zip_next(struct zip *zip, struct pair *pair)
{
    bool left = zip->i < zip->a->count;
    bool right = zip->j < zip->b->count;
    if (!left && !right)
        return false;
    int order = left ? -1 : 1;
    if (left && right)
        order = compare_entries(&zip->a->entries[zip->i], &zip->b->entries[zip->j]);
    *pair = (struct pair){order <= 0 ? &zip->a->entries[zip->i] : NULL,
                          order >= 0 ? &zip->b->entries[zip->j] : NULL};
    zip->i += order <= 0;
    zip->j += order >= 0;
    return true;
}

const struct field_set *field_set_union(struct arena *arena, const struct field_set *a,
                                        const struct field_set *b)
{
    if (!a || a == b)
        return b;
    if (!b)
        return a;
    struct field_entry *entries = arena_array(arena, a->count + b->count, sizeof(*entries));
    size_t count = 0;
    struct pair pair;
    for (struct zip zip = {.a = a, .b = b}; zip_next(&zip, &pair);) {
        const struct field_set *left = pair.left ? pair.left->set : NULL;
        const struct field_set *right = pair.right ? pair.right->set : NULL;
        entries[count++] =
            (struct field_entry){pair.left ? pair.left->element : pair.right->element,
                                 field_set_union(arena, left, right)};
    }
    return new_node(arena, a->member || b->member, entries, count);
}

const struct field_set *field_set_intersect(struct arena *arena, const struct field_set *a,
                                            const struct field_set *b)
{
    if (!a || !b || a == b)
        return a && b ? a : NULL;
    struct set_builder builder = {.arena = arena};
    struct pair pair;
    for (struct zip zip = {.a = a, .b = b}; zip_next(&zip, &pair);) {
        if (pair.left && pair.right)
            set_builder_add(&builder, pair.left->element,
                            field_set_intersect(arena, pair.left->set, pair.right->set));
    }
    return new_node(arena, a->member && b->member, builder.entries, builder.count);
}

const struct field_set *field_set_subtract(struct arena *arena, const struct field_set *a,
                                           const struct field_set *b)
{
    if (!a || !b || a == b)
        return a == b ? NULL : a;
    struct field_entry *entries = arena_array(arena, a->count, sizeof(*entries));
    size_t count = 0;
    bool same = !(a->member && b->member);
    struct pair pair;
    for (struct zip zip = {.a = a, .b = b}; zip_next(&zip, &pair);) {
        if (!pair.left)
            continue;
        const struct field_set *set = pair.left->set;
        if (pair.right)
            set = field_set_subtract(arena, set, pair.right->set);
        same = same && set == pair.left->set;
        if (set)
            entries[count++] = (struct field_entry){pair.left->element, set};
    }
    return same ? a : new_node(arena, a->member && !b->member, entries, count);
}

const struct field_set *field_set_find(const struct field_set *set,
                                       const struct path_element *element)
{
    size_t low = 0;
    size_t high = set ? set->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = path_element_compare(element, &set->entries[middle].element);
        if (order == 0)
            return set->entries[middle].set;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct field_set *field_set_without(struct arena *arena, const struct field_set *set,
                                          const char *name)
{
    struct path_element element = {.text = name, .kind = 'f'};
    if (!field_set_find(set, &element))
        return set;
    struct set_builder builder = {.arena = arena};
    for (size_t i = 0; i < set->count; i++) {
        if (path_element_compare(&set->entries[i].element, &element) != 0)
            set_builder_add(&builder, set->entries[i].element, set->entries[i].set);
    }
    return new_node(arena, set->member, builder.entries, builder.count);
}

bool field_set_equal(const struct field_set *a, const struct field_set *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->member != b->member || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (compare_entries(&a->entries[i], &b->entries[i]) != 0 ||
            !field_set_equal(a->entries[i].set, b->entries[i].set))
            return false;
    }
    return true;
}

const struct field_set *field_set_path(struct arena *arena, const char *path)
{
    if (*path == '\0')
        return &field_leaf;
    size_t len = strcspn(path, ".");
    struct set_builder builder = {.arena = arena};
    struct path_element element = {.text = arena_strndup(arena, path, len), .kind = 'f'};
    set_builder_add(&builder, element, field_set_path(arena, path + len + (path[len] == '.')));
    return set_builder_finish(&builder, false);
}

/* ---- with types ---- */

/* Of what is below @element; NULL when the types do not say. */
static const struct field_type *type_below(const struct field_type *type,
                                           const struct path_element *element)
{
    if (!type)
        return NULL;
    if (element->kind == 'f')
        return type->map ? type_member(type, element->text) : NULL;
    return element->kind == 'k' && type->list ? type->items : NULL;
}

static bool is_declared(const struct field_type *type, const struct path_element *element)
{
    return type && type->map && element->kind == 'f' && type_declared(type, element->text);
}

const struct field_set *field_set_named(struct arena *arena, const struct field_set *set,
                                        const struct field_type *type)
{
    if (!set || !type || set->count == 0)
        return set;
    struct field_entry *entries = arena_array(arena, set->count, sizeof(*entries));
    bool same = true;
    for (size_t i = 0; i < set->count; i++) {
        const struct field_entry *from = &set->entries[i];
        const struct field_set *below =
            field_set_named(arena, from->set, type_below(type, &from->element));
        if (below->count > 0 && is_declared(type, &from->element))
            below = field_set_as_member(arena, below);
        entries[i] = (struct field_entry){from->element, below};
        same = same && below == from->set;
    }
    return same ? set : new_node(arena, set->member, entries, set->count);
}

static const struct field_set *reconcile_children(struct arena *arena, const struct field_set *set,
                                                  const struct field_type *type);

/* Free-form data never becomes atomic. */
static bool is_undescribed_map(const struct field_type *type)
{
    return type->field_count == 0 && type->element && type->element->scalar == SCALAR_ANY;
}

static const struct field_set *reconcile_node(struct arena *arena, const struct field_set *set,
                                              const struct field_type *type)
{
    bool whole = set->member && set->count == 0;
    enum shape shape = first_shape(type_shapes(type, NULL));
    if (whole || shape == SHAPE_SCALAR)
        return set;
    if (shape == SHAPE_MAP && is_undescribed_map(type))
        return set;
    enum container_type container = shape == SHAPE_MAP ? type->map : type->list;
    return container == CONTAINER_ATOMIC ? &field_leaf : reconcile_children(arena, set, type);
}

static const struct field_set *reconcile_children(struct arena *arena, const struct field_set *set,
                                                  const struct field_type *type)
{
    bool by_name = first_shape(type_shapes(type, NULL)) == SHAPE_MAP;
    struct field_entry *entries = arena_array(arena, set->count, sizeof(*entries));
    bool same = true;
    for (size_t i = 0; i < set->count; i++) {
        const struct field_entry *from = &set->entries[i];
        const struct field_type *below = by_name && from->element.kind == 'f'
                                             ? type_member(type, from->element.text)
                                             : (by_name ? type->element : type->items);
        entries[i] = *from;
        if (below)
            entries[i].set = reconcile_node(arena, from->set, below);
        same = same && entries[i].set == from->set;
    }
    return same ? set : new_node(arena, set->member, entries, set->count);
}

const struct field_set *field_set_reconcile(struct arena *arena, const struct field_set *set,
                                            const struct field_type *type)
{
    return set ? reconcile_children(arena, set, type) : NULL;
}
