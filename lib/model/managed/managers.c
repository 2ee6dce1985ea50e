#include "managers.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "internal.h"

#define UPDATERS_MAX 10
#define OLD_UPDATES  "ancient-changes"

/* ---- entries ---- */

void manager_identify(struct arena *arena, struct manager *manager)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_addc(&buf, '{');
    if (*manager->name) {
        buf_adds(&buf, "\"manager\":");
        buf_add_json(&buf, manager->name);
        buf_addc(&buf, ',');
    }
    buf_adds(&buf, manager->is_applier ? "\"operation\":\"Apply\"" : "\"operation\":\"Update\"");
    if (!manager->is_applier) {
        buf_adds(&buf, ",\"apiVersion\":");
        buf_add_json(&buf, manager->api_version);
    }
    if (*manager->subresource) {
        buf_adds(&buf, ",\"subresource\":");
        buf_add_json(&buf, manager->subresource);
    }
    buf_addc(&buf, '}');
    manager->identity = arena_strndup(arena, buf.data, buf.len);
    buf_release(&buf);
}

/* Missing and null are "". -1 when it is no text. */
static int read_text(const json_t *entry, const char *name, const char **ret_text)
{
    const json_t *value = json_object_get(entry, name);
    *ret_text = json_is_string(value) ? json_string_value(value) : "";
    return !value || json_is_null(value) || json_is_string(value) ? 0 : -1;
}

static int64_t floor_seconds(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

static int read_entry(struct arena *arena, const json_t *entry, struct manager *manager)
{
    const char *operation;
    const char *fields_type;
    const char *time;
    int64_t time_ms;
    *manager = (struct manager){0};
    if (!json_is_object(entry) || read_text(entry, "manager", &manager->name) != 0 ||
        read_text(entry, "operation", &operation) != 0 ||
        read_text(entry, "apiVersion", &manager->api_version) != 0 ||
        read_text(entry, "subresource", &manager->subresource) != 0 ||
        read_text(entry, "fieldsType", &fields_type) != 0 || read_text(entry, "time", &time) != 0)
        return -1;
    manager->is_applier = strcmp(operation, "Apply") == 0;
    if ((!manager->is_applier && strcmp(operation, "Update") != 0) ||
        *manager->api_version == '\0' || strcmp(fields_type, "FieldsV1") != 0)
        return -1;
    manager->has_time = *time && clock_parse(time, &time_ms, NULL) == 0;
    manager->time_s = manager->has_time ? floor_seconds(time_ms) : 0;
    manager_identify(arena, manager);
    return fields_v1_parse(arena, json_object_get(entry, "fieldsV1"), &manager->fields);
}

static int compare_identities(const void *a, const void *b)
{
    const struct manager *left = a;
    const struct manager *right = b;
    return strcmp(left->identity, right->identity);
}

/* glibc's qsort is stable when it has memory; the order in which entries came decides anyway. */
struct numbered {
    struct manager manager;
    size_t index;
};

static int compare_numbered(const void *a, const void *b)
{
    const struct numbered *left = a;
    const struct numbered *right = b;
    int order = compare_identities(&left->manager, &right->manager);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* The last one of an identity wins. */
static void take_distinct(struct managers *managers, struct numbered *entries, size_t count)
{
    if (count > 1)
        qsort(entries, count, sizeof(*entries), compare_numbered);
    for (size_t i = 0; i < count; i++) {
        bool last =
            i + 1 == count || compare_identities(&entries[i].manager, &entries[i + 1].manager) != 0;
        if (last)
            managers_add(managers, &entries[i].manager);
    }
}

int managers_parse(struct managers *managers, const json_t *entries)
{
    size_t count = json_array_size(entries);
    struct numbered *read = arena_array(managers->arena, count, sizeof(*read));
    managers->count = 0;
    for (size_t i = 0; i < count; i++) {
        read[i].index = i;
        if (read_entry(managers->arena, json_array_get(entries, i), &read[i].manager) != 0)
            return -1;
    }
    take_distinct(managers, read, count);
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    const struct manager *left = a;
    const struct manager *right = b;
    if (left->is_applier != right->is_applier)
        return left->is_applier ? -1 : 1;
    if (left->time_s != right->time_s)
        return left->time_s < right->time_s ? -1 : 1;
    int order = strcmp(left->name, right->name);
    if (order == 0)
        order = strcmp(left->api_version, right->api_version);
    return order ? order : strcmp(left->subresource, right->subresource);
}

static void put_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new_nocheck(object, name, json_string_nocheck(text));
}

static json_t *print_entry(const struct manager *manager)
{
    json_t *entry = json_object();
    put_text(entry, "apiVersion", manager->api_version);
    put_text(entry, "fieldsType", "FieldsV1");
    json_object_set_new_nocheck(entry, "fieldsV1", fields_v1_print(manager->fields));
    if (*manager->name)
        put_text(entry, "manager", manager->name);
    put_text(entry, "operation", manager->is_applier ? "Apply" : "Update");
    if (*manager->subresource)
        put_text(entry, "subresource", manager->subresource);
    if (manager->has_time) {
        char time[CLOCK_TEXT_SIZE];
        put_text(entry, "time", clock_format(manager->time_s * 1000, time));
    }
    return entry;
}

json_t *managers_print(const struct managers *managers)
{
    if (managers->count == 0)
        return NULL;
    struct managers sorted = managers_copy(managers);
    json_t *entries = json_array();
    qsort(sorted.items, sorted.count, sizeof(*sorted.items), compare_entries);
    for (size_t i = 0; i < sorted.count; i++)
        json_array_append_new(entries, print_entry(&sorted.items[i]));
    return entries;
}

/* ---- the list ---- */

struct managers managers_copy(const struct managers *managers)
{
    struct managers copy = *managers;
    copy.items = arena_array(managers->arena, managers->count, sizeof(*copy.items));
    copy.capacity = managers->count;
    if (managers->count > 0)
        memcpy(copy.items, managers->items, managers->count * sizeof(*copy.items));
    return copy;
}

struct manager *managers_find(const struct managers *managers, const char *identity)
{
    for (size_t i = 0; i < managers->count; i++) {
        if (strcmp(managers->items[i].identity, identity) == 0)
            return &managers->items[i];
    }
    return NULL;
}

struct manager *managers_add(struct managers *managers, const struct manager *manager)
{
    if (managers->count == managers->capacity) {
        size_t capacity = managers->capacity ? managers->capacity * 2 : 8;
        struct manager *grown = arena_array(managers->arena, capacity, sizeof(*grown));
        if (managers->count > 0)
            memcpy(grown, managers->items, managers->count * sizeof(*grown));
        managers->items = grown;
        managers->capacity = capacity;
    }
    managers->items[managers->count] = *manager;
    return &managers->items[managers->count++];
}

void managers_drop_empty(struct managers *managers)
{
    size_t kept = 0;
    for (size_t i = 0; i < managers->count; i++) {
        if (managers->items[i].fields)
            managers->items[kept++] = managers->items[i];
    }
    managers->count = kept;
}

/* ---- the cap ---- */

static int compare_ages(const void *a, const void *b)
{
    const struct manager *left = *(struct manager *const *)a;
    const struct manager *right = *(struct manager *const *)b;
    if (left->time_s != right->time_s)
        return left->time_s < right->time_s ? -1 : 1;
    return strcmp(left->identity, right->identity);
}

/* The first of @older with that version that still owns something, or NULL. */
static struct manager *first_of_version(struct manager **older, size_t count, const char *version)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(older[i]->api_version, version) == 0)
            return older[i];
    }
    return NULL;
}

/*
 * What @manager owns goes to the bucket of its version, which the first and oldest updater of that
 * version becomes. Returns whether there is one updater less.
 */
static bool join(struct managers *managers, struct manager *first, struct manager *manager)
{
    struct manager bucket = {.name = OLD_UPDATES,
                             .api_version = manager->api_version,
                             .subresource = "",
                             .has_time = manager->has_time,
                             .time_s = manager->time_s};
    manager_identify(managers->arena, &bucket);
    struct manager *found = managers_find(managers, bucket.identity);
    if (found == manager)
        return false;
    if (!found) {
        bucket.fields = first->fields;
        *first = bucket;
        found = first;
    }
    found->fields = field_set_union(managers->arena, manager->fields, found->fields);
    found->has_time = manager->has_time;
    found->time_s = manager->time_s;
    manager->fields = NULL;
    return true;
}

void managers_cap(struct managers *managers)
{
    struct manager **updaters = arena_array(managers->arena, managers->count, sizeof(*updaters));
    size_t count = 0;
    for (size_t i = 0; i < managers->count; i++) {
        if (!managers->items[i].is_applier)
            updaters[count++] = &managers->items[i];
    }
    if (count <= UPDATERS_MAX)
        return;
    qsort(updaters, count, sizeof(struct manager *), compare_ages);
    size_t left = count;
    for (size_t i = 1; i < count && left > UPDATERS_MAX; i++) {
        struct manager *first = first_of_version(updaters, i, updaters[i]->api_version);
        left -= first && join(managers, first, updaters[i]);
    }
    managers_drop_empty(managers);
}
