/*
 * Whether a value fits its types. Most do, so the first walk only says yes or no; the second one
 * collects what to say, in the order of the names.
 */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include "internal.h"
#include "walks.h"

#define PROBLEMS_MAX 100

struct problem {
    char *text;
};

struct checker {
    struct arena *arena;
    bool allow_duplicates;
    bool collect;
    struct buf path; /* of where the walk is; only when it collects */
    struct problem problems[PROBLEMS_MAX];
    size_t count;
};

static bool check(struct checker *checker, const struct field_type *type, const json_t *value);

/* ---- problems ---- */

static const char *go_type(const json_t *value)
{
    if (json_is_object(value))
        return "map[string]interface {}";
    if (json_is_array(value))
        return "[]interface {}";
    return json_is_string(value) ? "string" : "bool";
}

/* Always false, so that it reads well. */
static bool problem(struct checker *checker, const char *text, const char *detail)
{
    if (checker->collect && checker->count < PROBLEMS_MAX)
        checker->problems[checker->count++].text =
            mem_printf("%s: %s%s", checker->path.data ? checker->path.data : "", text, detail);
    return false;
}

static bool unexpected(struct checker *checker, const char *wanted, const json_t *value)
{
    if (!checker->collect)
        return false;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_addf(&buf, "%s, got &{", wanted);
    write_as_go(&buf, value, GO_VALUE);
    buf_addc(&buf, '}');
    problem(checker, "expected ", buf.data);
    buf_release(&buf);
    return false;
}

static bool unexpected_string(struct checker *checker, const json_t *value)
{
    if (!checker->collect)
        return false;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_adds(&buf, "expected string, got &value.valueUnstructured{Value:");
    write_as_go(&buf, value, GO_SOURCE);
    buf_addc(&buf, '}');
    problem(checker, "", buf.data);
    buf_release(&buf);
    return false;
}

static bool bad_item(struct checker *checker, size_t index, const char *text)
{
    AUTO_FREE char *start = checker->collect ? mem_printf("element %zu: ", index) : NULL;
    return problem(checker, start ? start : "", text);
}

static bool duplicate(struct checker *checker, const struct path_element *element)
{
    if (!checker->collect)
        return false;
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    path_element_show(&buf, element);
    problem(checker, "duplicate entries for key ", buf.data);
    buf_release(&buf);
    return false;
}

/* ---- the walk ---- */

static bool check_scalar(struct checker *checker, const struct field_type *type,
                         const json_t *value)
{
    if (json_is_null(value))
        return true;
    switch (type->scalar) {
    case SCALAR_NUMERIC:
        return json_is_number(value) ||
               problem(checker, "expected numeric (int or float), got ", go_type(value));
    case SCALAR_STRING:
        return json_is_string(value) || unexpected_string(checker, value);
    case SCALAR_BOOLEAN:
        return json_is_boolean(value) || unexpected(checker, "boolean", value);
    case SCALAR_ANY:
        return (!json_is_object(value) && !json_is_array(value)) ||
               unexpected(checker, "any scalar", value);
    case SCALAR_NONE:
        break;
    }
    return false;
}

static bool check_below(struct checker *checker, const struct field_type *type,
                        const struct path_element *element, const json_t *value)
{
    if (!checker->collect)
        return check(checker, type, value);
    size_t len = checker->path.len;
    path_element_show(&checker->path, element);
    bool fits =
        type ? check(checker, type, value) : problem(checker, "field not declared in schema", "");
    checker->path.len = len;
    checker->path.data[len] = '\0';
    return fits;
}

/* The first undeclared name ends the walk of its map. */
static bool check_members(struct checker *checker, const struct field_type *type,
                          const json_t *value)
{
    struct json_entry *entries = json_sorted_entries(value);
    size_t count = json_object_size(value);
    bool fits = true;
    bool declared = true;
    for (size_t i = 0; i < count && declared; i++) {
        const struct field_type *member = type_member(type, entries[i].key);
        struct path_element element = {.text = entries[i].key, .kind = 'f'};
        declared = member != NULL;
        fits = check_below(checker, member, &element, entries[i].value) && fits;
    }
    free(entries);
    return fits;
}

static bool members_fit(struct checker *checker, const struct field_type *type, const json_t *value)
{
    const char *name;
    json_t *child;
    json_object_foreach(json_mutable(value), name, child)
    {
        const struct field_type *member = type_member(type, name);
        if (!member || !check(checker, member, child))
            return false;
    }
    return true;
}

/* Whether an item of the same element stands before @item. */
static bool is_repeated(const struct list_items *items, const struct list_item *item)
{
    size_t low = 0;
    size_t high = items->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (path_element_compare(&items->sorted[middle].element, &item->element) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < items->count && items->sorted[low].index < item->index;
}

static bool check_items(struct checker *checker, const struct field_type *type, const json_t *list)
{
    struct list_items items = {0};
    bool fits = true;
    bool granular = type->list == CONTAINER_GRANULAR;
    if (granular && !checker->allow_duplicates)
        items = list_items_index(checker->arena, type, list);
    for (size_t i = 0; i < json_array_size(list) && (fits || checker->collect); i++) {
        struct list_item item = {.value = json_array_get(list, i), .index = i};
        const char *wrong;
        if (!granular && checker->collect)
            item.element =
                (struct path_element){.text = arena_printf(checker->arena, "%zu", i), .kind = 'i'};
        if (granular &&
            list_item_element(checker->arena, type, item.value, &item.element, &wrong) != 0)
            return bad_item(checker, i, wrong);
        if (granular && is_repeated(&items, &item))
            fits = duplicate(checker, &item.element);
        fits = check_below(checker, type->items, &item.element, item.value) && fits;
    }
    return fits;
}

static bool check(struct checker *checker, const struct field_type *type, const json_t *value)
{
    if (json_is_null(value))
        return true;
    switch (first_shape(type_shapes(type, value))) {
    case SHAPE_MAP:
        if (!json_is_object(value))
            return unexpected(checker, "map", value);
        return checker->collect ? check_members(checker, type, value)
                                : members_fit(checker, type, value);
    case SHAPE_LIST:
        return json_is_array(value) ? check_items(checker, type, value)
                                    : unexpected(checker, "list", value);
    case SHAPE_SCALAR:
        break;
    }
    return check_scalar(checker, type, value);
}

static void say_problems(struct checker *checker, struct buf *problems)
{
    buf_adds(problems, checker->count == 1 ? checker->problems[0].text : "errors:");
    for (size_t i = 0; i < checker->count; i++) {
        if (checker->count > 1)
            buf_addf(problems, "\n  %s", checker->problems[i].text);
        free(checker->problems[i].text);
    }
}

int typed_check(const struct field_type *type, const json_t *value, bool allow_duplicates,
                struct buf *problems)
{
    struct checker checker = {.arena = arena_new(MANAGED_BYTES),
                              .allow_duplicates = allow_duplicates};
    bool fits = check(&checker, type, value);
    if (!fits && problems) {
        checker.collect = true;
        buf_init(&checker.path, BUF_MAX_DEFAULT);
        check(&checker, type, value);
        say_problems(&checker, problems);
        buf_release(&checker.path);
    }
    arena_free(checker.arena);
    return fits ? 0 : -1;
}
