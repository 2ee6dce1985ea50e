/* Values apart from their types, and the items of granular lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>

#include "internal.h"
#include "walks.h"

static bool numbers_equal(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    double left = json_number_value(a);
    double right = json_number_value(b);
    return left <= right && left >= right;
}

static bool members_equal(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach(json_mutable(a), key, value)
    {
        const json_t *other = json_object_get(b, key);
        if (!other || !value_equal(value, other))
            return false;
    }
    return true;
}

static bool items_equal(const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++) {
        if (!value_equal(json_array_get(a, i), json_array_get(b, i)))
            return false;
    }
    return true;
}

bool value_equal(const json_t *a, const json_t *b)
{
    if (a == b)
        return true;
    if (!a || !b)
        return false;
    if (json_is_number(a) && json_is_number(b))
        return numbers_equal(a, b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_object(a))
        return members_equal(a, b);
    return json_is_array(a) ? items_equal(a, b) : json_equal(a, b);
}

bool is_empty_map(const json_t *value)
{
    return json_object_size(value) == 0;
}

bool is_empty_list(const json_t *value)
{
    return json_array_size(value) == 0;
}

bool is_whole(const struct field_type *type, enum shape shape, int depth)
{
    if (shape == SHAPE_SCALAR || depth >= FIELD_DEPTH_MAX)
        return true;
    return (shape == SHAPE_MAP ? type->map : type->list) != CONTAINER_GRANULAR;
}

/* ---- items of granular lists ---- */

static char *missing_keys(struct arena *arena, const struct field_type *type)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_adds(&buf, "associative list with keys has an element that omits all key fields [");
    for (size_t i = 0; i < type->key_count; i++) {
        buf_adds(&buf, i > 0 ? " " : "");
        write_go_quoted(&buf, type->keys[i].name, strlen(type->keys[i].name));
    }
    buf_adds(&buf, "] (and doesn't have default values for any key fields)");
    char *text = arena_strndup(arena, buf.data, buf.len);
    buf_release(&buf);
    return text;
}

/* What counts as the key of an item; NULL when it is left out. */
static const json_t *key_of(const json_t *item, const struct list_key *key)
{
    const json_t *found = json_object_get(item, key->name);
    return found ? found : key->fallback;
}

/* The usual keys without the way through JSON; NULL when they are not usual. */
static char *plain_keys(struct arena *arena, const struct field_type *type, const json_t *item)
{
    char text[256];
    size_t len = 0;
    for (size_t i = 0; i < type->key_count; i++) {
        const struct list_key *key = &type->sorted_keys[i];
        const json_t *value = key_of(item, key);
        const char *string = json_string_value(value);
        int added = -1;
        if (!is_plain_text(key->name))
            return NULL;
        if (string && is_plain_text(string))
            added = snprintf(text + len, sizeof(text) - len, "%c\"%s\":\"%s\"", len > 0 ? ',' : '{',
                             key->name, string);
        else if (json_is_integer(value))
            added = snprintf(text + len, sizeof(text) - len, "%c\"%s\":%" JSON_INTEGER_FORMAT,
                             len > 0 ? ',' : '{', key->name, json_integer_value(value));
        if (added < 0 || (size_t)added >= sizeof(text) - len - 1)
            return NULL;
        len += (size_t)added;
    }
    text[len] = '}';
    return arena_strndup(arena, text, len + 1);
}

static int keyed_element(struct arena *arena, const struct field_type *type, const json_t *value,
                         struct path_element *ret_element, const char **ret_problem)
{
    *ret_problem = NULL;
    if (json_is_null(value))
        *ret_problem = "associative list with keys may not have a null element";
    else if (!json_is_object(value))
        *ret_problem = "associative list with keys may not have non-map elements";
    if (*ret_problem)
        return -1;
    char *plain = plain_keys(arena, type, value);
    if (plain) {
        *ret_element = (struct path_element){.text = plain, .kind = 'k'};
        return 0;
    }
    json_t *keys = json_object();
    for (size_t i = 0; i < type->key_count; i++) {
        json_t *found = json_mutable(key_of(value, &type->keys[i]));
        if (found)
            json_object_set_nocheck(keys, type->keys[i].name, found);
    }
    bool any = json_object_size(keys) > 0;
    if (any)
        *ret_element = (struct path_element){.text = canonical_text(arena, keys), .kind = 'k'};
    else
        *ret_problem = missing_keys(arena, type);
    json_decref(keys);
    return any ? 0 : -1;
}

static int set_element(struct arena *arena, const json_t *value, struct path_element *ret_element,
                       const char **ret_problem)
{
    if (json_is_object(value))
        *ret_problem = "associative list without keys has an element that's a map type";
    else if (json_is_array(value))
        *ret_problem = "not supported: associative list with lists as elements";
    else if (json_is_null(value))
        *ret_problem = "associative list without keys has an element that's an explicit null";
    else
        *ret_problem = NULL;
    if (*ret_problem)
        return -1;
    *ret_element = (struct path_element){.text = canonical_text(arena, value), .kind = 'v'};
    return 0;
}

int list_item_element(struct arena *arena, const struct field_type *type, const json_t *value,
                      struct path_element *ret_element, const char **ret_problem)
{
    return type->key_count > 0 ? keyed_element(arena, type, value, ret_element, ret_problem)
                               : set_element(arena, value, ret_element, ret_problem);
}

static int compare_list_items(const void *a, const void *b)
{
    const struct list_item *left = a;
    const struct list_item *right = b;
    int order = path_element_compare(&left->element, &right->element);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

struct list_items list_items_index(struct arena *arena, const struct field_type *type,
                                   const json_t *list)
{
    struct list_items items = {
        .sorted = arena_array(arena, json_array_size(list) + 1, sizeof(*items.sorted))};
    size_t index;
    json_t *value;
    json_array_foreach(list, index, value)
    {
        const char *problem;
        struct list_item item = {.value = value, .index = index};
        if (list_item_element(arena, type, value, &item.element, &problem) == 0)
            items.sorted[items.count++] = item;
    }
    if (items.count > 1)
        qsort(items.sorted, items.count, sizeof(*items.sorted), compare_list_items);
    return items;
}

size_t list_items_run(const struct list_items *items, size_t from)
{
    size_t at = from + 1;
    while (at < items->count &&
           path_element_compare(&items->sorted[from].element, &items->sorted[at].element) == 0)
        at++;
    return at - from;
}
