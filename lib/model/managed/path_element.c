/* The texts of path elements: on the wire, and in messages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/json.h>

#include "field_set.h"
#include "internal.h"

/* What needs no second look: printable ASCII that Go writes as it is. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

bool is_plain_text(const char *text)
{
    while (is_plain((unsigned char)*text))
        text++;
    return *text == '\0';
}

static char *quoted_plain(struct arena *arena, const char *text)
{
    size_t len = strlen(text);
    char *quoted = arena_alloc(arena, len + 3);
    quoted[0] = '"';
    memcpy(quoted + 1, text, len);
    quoted[len + 1] = '"';
    return quoted;
}

char *canonical_text(struct arena *arena, const json_t *value)
{
    if (json_is_string(value) && is_plain_text(json_string_value(value)))
        return quoted_plain(arena, json_string_value(value));
    AUTO_FREE char *text = go_json(value);
    return arena_strdup(arena, text);
}

/* ---- reading ---- */

/* A string as canonical_text writes it, without anything escaped; NULL when it is not one. */
static const char *skip_plain_string(const char *at)
{
    if (*at != '"')
        return NULL;
    for (at++; is_plain((unsigned char)*at); at++)
        ;
    return *at == '"' ? at + 1 : NULL;
}

static const char *skip_plain_value(const char *at)
{
    if (*at == '"')
        return skip_plain_string(at);
    size_t digits = strspn(at, "0123456789");
    return digits > 0 && digits < 16 && (*at != '0' || digits == 1) ? at + digits : NULL;
}

/* Of two quoted names in one text. */
static bool comes_after(const char *name, size_t len, const char *last, size_t last_len)
{
    size_t shared = len < last_len ? len : last_len;
    int order = memcmp(name, last, shared);
    return order > 0 || (order == 0 && len > last_len);
}

/* Whether @text has the canonical form already: most have, and reading them as JSON takes long. */
static bool is_canonical(char kind, const char *text)
{
    const char *last = text;
    size_t last_len = 0;
    const char *end;
    if (kind == 'v')
        return (end = skip_plain_value(text)) && *end == '\0';
    if (*text != '{')
        return false;
    do {
        const char *name = text + 2;
        end = skip_plain_string(text + 1);
        if (!end || *end != ':' || end - 1 == name ||
            !comes_after(name, (size_t)(end - 1 - name), last, last_len))
            return false;
        last = name;
        last_len = (size_t)(end - 1 - name);
        text = skip_plain_value(end + 1);
    } while (text && *text == ',');
    return text && strcmp(text, "}") == 0;
}

static int parse_index(struct arena *arena, const char *text, struct path_element *ret_element)
{
    char *end;
    errno = 0;
    long long index = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || strchr(" \t\n\v\f\r", *text))
        return -1;
    ret_element->text = arena_printf(arena, "%lld", index);
    return 0;
}

static int parse_json(struct arena *arena, const char *text, struct path_element *ret_element)
{
    json_t *value = json_parse(text, strlen(text), false, NULL);
    bool is_key = ret_element->kind == 'k';
    bool fits = value && (!is_key || json_is_object(value) || json_is_null(value));
    if (fits)
        ret_element->text = is_key && json_is_null(value) ? "{}" : canonical_text(arena, value);
    json_decref(value);
    return fits ? 0 : -1;
}

int path_element_parse(struct arena *arena, const char *text, struct path_element *ret_element)
{
    if (strlen(text) < 2 || text[1] != ':')
        return -1;
    *ret_element = (struct path_element){.text = text + 2, .kind = *text, .is_read = true};
    switch (*text) {
    case 'f':
        return 0;
    case 'k':
    case 'v':
        return is_canonical(*text, text + 2) ? 0 : parse_json(arena, text + 2, ret_element);
    case 'i':
        return parse_index(arena, text + 2, ret_element);
    default:
        return 1;
    }
}

void path_element_print(struct buf *buf, const struct path_element *element)
{
    buf_addc(buf, element->kind);
    buf_addc(buf, ':');
    buf_adds(buf, element->text);
}

/* ---- showing ---- */

static void show_number(struct buf *buf, const json_t *value, bool as_float)
{
    if (json_is_integer(value) && !as_float)
        buf_add_i64(buf, json_integer_value(value));
    else
        write_go_number(buf, json_number_value(value));
}

static void show_value(struct buf *buf, const json_t *value, bool as_float)
{
    const char *key;
    json_t *child;
    size_t index;
    if (json_is_string(value)) {
        write_go_quoted(buf, json_string_value(value), json_string_length(value));
    } else if (json_is_number(value)) {
        show_number(buf, value, as_float);
    } else if (json_is_array(value)) {
        buf_addc(buf, '[');
        json_array_foreach(value, index, child)
        {
            buf_adds(buf, index > 0 ? "," : "");
            show_value(buf, child, as_float);
        }
        buf_addc(buf, ']');
    } else if (json_is_object(value)) {
        json_object_foreach(json_mutable(value), key, child)
        {
            buf_addf(buf, "%s=", key);
            show_value(buf, child, as_float);
        }
    } else {
        json_write_style(buf, value, JSON_STYLE_GO);
    }
}

static void show_key(struct buf *buf, const json_t *keys, bool as_float)
{
    struct json_entry *entries = json_sorted_entries(keys);
    for (size_t i = 0; i < json_object_size(keys); i++) {
        buf_addf(buf, "%s%s=", i > 0 ? "," : "", entries[i].key);
        show_value(buf, entries[i].value, as_float);
    }
    free(entries);
}

void path_element_show(struct buf *buf, const struct path_element *element)
{
    if (element->kind == 'f' || element->kind == 'i') {
        buf_addf(buf, element->kind == 'f' ? ".%s" : "[%s]", element->text);
        return;
    }
    json_t *value = json_parse(element->text, strlen(element->text), false, NULL);
    buf_adds(buf, element->kind == 'v' ? "[=" : "[");
    if (element->kind == 'v')
        show_value(buf, value, element->is_read);
    else
        show_key(buf, value, element->is_read);
    buf_addc(buf, ']');
    json_decref(value);
}

/* ---- the order of typed comparison ---- */

static int rank_of(const json_t *value)
{
    if (json_is_number(value))
        return 0;
    if (json_is_string(value))
        return 1;
    if (json_is_boolean(value))
        return 2;
    if (json_is_array(value))
        return 3;
    return json_is_object(value) ? 4 : 5;
}

static int compare_values(const json_t *a, const json_t *b);

static int compare_members(const json_t *a, const json_t *b)
{
    struct json_entry *left = json_sorted_entries(a);
    struct json_entry *right = json_sorted_entries(b);
    size_t m = json_object_size(a);
    size_t n = json_object_size(b);
    int order = 0;
    for (size_t i = 0; order == 0 && i < m && i < n; i++) {
        order = strcmp(left[i].key, right[i].key);
        if (order == 0)
            order = compare_values(left[i].value, right[i].value);
    }
    free(left);
    free(right);
    return order ? order : (m > n) - (m < n);
}

static int compare_items(const json_t *a, const json_t *b)
{
    size_t m = json_array_size(a);
    size_t n = json_array_size(b);
    int order = 0;
    for (size_t i = 0; order == 0 && i < m && i < n; i++)
        order = compare_values(json_array_get(a, i), json_array_get(b, i));
    return order ? order : (m > n) - (m < n);
}

static int compare_values(const json_t *a, const json_t *b)
{
    int rank = rank_of(a);
    if (rank != rank_of(b))
        return rank - rank_of(b);
    if (json_is_integer(a) && json_is_integer(b))
        return (json_integer_value(a) > json_integer_value(b)) -
               (json_integer_value(a) < json_integer_value(b));
    switch (rank) {
    case 0:
        return (json_number_value(a) > json_number_value(b)) -
               (json_number_value(a) < json_number_value(b));
    case 1:
        return strcmp(json_string_value(a), json_string_value(b));
    case 2:
        return json_is_true(a) - json_is_true(b);
    case 3:
        return compare_items(a, b);
    case 4:
        return compare_members(a, b);
    default:
        return 0;
    }
}

/* An entry whose text was read once, for sorting. */
struct shown {
    const struct field_entry *entry;
    json_t *value;
};

static int kind_rank(char kind)
{
    static const char order[] = "fkvi";
    return (int)(strchr(order, kind) - order);
}

static int compare_shown(const void *a, const void *b)
{
    const struct shown *left = a;
    const struct shown *right = b;
    const struct path_element *x = &left->entry->element;
    const struct path_element *y = &right->entry->element;
    if (x->kind != y->kind)
        return kind_rank(x->kind) - kind_rank(y->kind);
    return left->value ? compare_values(left->value, right->value) : strcmp(x->text, y->text);
}

struct shower {
    struct buf path;
    void (*each)(const char *path, void *context);
    void *context;
};

static void show_level(struct shower *shower, const struct field_set *set)
{
    struct shown *items = mem_array(set->count + 1, sizeof(*items));
    for (size_t i = 0; i < set->count; i++) {
        const struct path_element *element = &set->entries[i].element;
        items[i].entry = &set->entries[i];
        if (element->kind != 'f')
            items[i].value = json_parse(element->text, strlen(element->text), false, NULL);
    }
    if (set->count > 1)
        qsort(items, set->count, sizeof(*items), compare_shown);
    size_t len = shower->path.len;
    for (int below = 0; below < 2; below++) {
        for (size_t i = 0; i < set->count; i++) {
            const struct field_set *child = items[i].entry->set;
            if (below ? child->count == 0 : !child->member)
                continue;
            path_element_show(&shower->path, &items[i].entry->element);
            if (below)
                show_level(shower, child);
            else
                shower->each(shower->path.data, shower->context);
            shower->path.len = len;
            shower->path.data[len] = '\0';
        }
    }
    for (size_t i = 0; i < set->count; i++)
        json_decref(items[i].value);
    free(items);
}

void field_set_show(const struct field_set *set, void (*each)(const char *path, void *context),
                    void *context)
{
    struct shower shower = {.each = each, .context = context};
    buf_init(&shower.path, BUF_MAX_DEFAULT);
    if (set)
        show_level(&shower, set);
    buf_release(&shower.path);
}
