/* Who owns what after a write that is no apply; and what both kinds of writes share. */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "internal.h"
#include "managers.h"

#define TWINS_MAX  64
#define MISFIT_MAX ((size_t)64 << 10)

/* ---- the writer ---- */

struct manager writer_manager(const struct managed_call *call, bool is_applier)
{
    const struct managed_writer *writer = call->writer;
    struct manager manager = {
        .name = writer->manager,
        .api_version = writer->api_version,
        .subresource = writer->subresource ? writer->subresource : "",
        .is_applier = is_applier,
    };
    manager_identify(call->arena, &manager);
    return manager;
}

const struct field_type *writer_types(const struct managed_writer *writer, const char *api_version)
{
    if (strcmp(writer->api_version, api_version) == 0)
        return field_types_root(writer->types);
    for (size_t i = 0; i < writer->version_count; i++) {
        if (strcmp(writer->versions[i].api_version, api_version) == 0)
            return field_types_root(writer->versions[i].types);
    }
    return NULL;
}

void reconcile_managers(struct managed_call *call)
{
    for (size_t i = 0; i < call->managers.count; i++) {
        struct manager *manager = &call->managers.items[i];
        const struct field_type *types = writer_types(call->writer, manager->api_version);
        manager->fields = types ? field_set_reconcile(call->arena, manager->fields, types) : NULL;
    }
    managers_drop_empty(&call->managers);
}

const struct field_set *without_reset(const struct managed_call *call,
                                      const struct field_set *fields)
{
    const char *subresource = call->writer->subresource;
    if (!call->writer->has_status)
        return fields;
    bool is_status = subresource && strcmp(subresource, "status") == 0;
    return field_set_without(call->arena, fields, is_status ? "spec" : "status");
}

const struct field_set *without_meta(struct arena *arena, const struct field_set *fields)
{
    static const struct field_entry below[] = {
        {{"clusterName", 'f', false}, &field_leaf},
        {{"creationTimestamp", 'f', false}, &field_leaf},
        {{"generation", 'f', false}, &field_leaf},
        {{"managedFields", 'f', false}, &field_leaf},
        {{"name", 'f', false}, &field_leaf},
        {{"namespace", 'f', false}, &field_leaf},
        {{"resourceVersion", 'f', false}, &field_leaf},
        {{"selfLink", 'f', false}, &field_leaf},
        {{"uid", 'f', false}, &field_leaf},
    };
    static const struct field_set metadata = {true, MOT_ARRAY_SIZE(below), below};
    static const struct field_entry top[] = {{{"apiVersion", 'f', false}, &field_leaf},
                                             {{"kind", 'f', false}, &field_leaf},
                                             {{"metadata", 'f', false}, &metadata}};
    static const struct field_set stripped = {false, MOT_ARRAY_SIZE(top), top};
    return field_set_subtract(arena, fields, &stripped);
}

struct comparison writer_comparison(const struct managed_call *call, const char *api_version,
                                    const json_t *old, const json_t *new)
{
    struct comparison comparison =
        compare_values_typed(call->arena, writer_types(call->writer, api_version), old, new);
    return (struct comparison){without_reset(call, comparison.removed),
                               without_reset(call, comparison.modified),
                               without_reset(call, comparison.added)};
}

char *object_title(const struct managed_writer *writer, const json_t *object)
{
    return mem_printf("%s/%s; %s%s, Kind=%s", object_namespace(object), object_name(object),
                      strchr(writer->api_version, '/') ? "" : "/", writer->api_version,
                      writer->kind);
}

json_t *without_managers(const json_t *object)
{
    if (!json_at(object, "metadata.managedFields"))
        return json_incref(json_mutable(object));
    json_t *copy = json_copy(json_mutable(object));
    json_t *metadata = json_copy(json_object_get(object, "metadata"));
    json_object_del(metadata, "managedFields");
    json_object_set_new(copy, "metadata", metadata);
    return copy;
}

void set_managers(json_t *object, const struct managers *managers)
{
    json_t *entries = managers_print(managers);
    json_t *metadata = json_object_get(object, "metadata");
    if (entries && !json_is_object(metadata)) {
        metadata = json_object();
        json_object_set_new(object, "metadata", metadata);
    }
    if (entries)
        json_object_set_new(metadata, "managedFields", entries);
    else
        json_object_del(metadata, "managedFields");
}

/* ---- the update ---- */

/* A text that says what values it found may be as large as these are. */
static void cut_misfit(char *text)
{
    static const char more[] = "…";
    size_t end = MISFIT_MAX - (sizeof(more) - 1);
    if (strlen(text) <= MISFIT_MAX)
        return;
    while ((text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, more, sizeof(more));
}

int check_object(struct managed_call *call, const json_t *object, bool allow_duplicates,
                 const char *what, const char *how, struct err *err)
{
    const struct field_type *types = field_types_root(call->writer->types);
    struct buf problems;
    if (!json_depth_within(object, MODEL_DEPTH_MAX))
        return err_set(err, ERR_INVALID, "the object is nested too deep");
    if (typed_check(types, object, allow_duplicates, NULL) == 0)
        return 0;
    if (!err)
        return -1;
    AUTO_FREE char *title = object_title(call->writer, object);
    buf_init(&problems, BUF_MAX_DEFAULT);
    buf_addf(&problems, "failed to %s object (%s)%s: ", what, title, how);
    if (typed_check(types, object, allow_duplicates, &problems) == 0)
        buf_adds(&problems, "it does not fit");
    free(call->misfit);
    call->misfit = buf_take(&problems);
    cut_misfit(call->misfit);
    return err_set(err, ERR_INVALID, "%s", call->misfit);
}

int wrap_misfit(struct managed_call *call, const char *prefix, struct err *err)
{
    char *before = call->misfit;
    if (before)
        call->misfit = mem_printf("%s: %s", prefix, before);
    free(before);
    return err_wrap(err, "%s", prefix);
}

static int check_types(struct managed_call *call, const json_t *object, const char *what,
                       struct err *err)
{
    return check_object(call, object, true, what, " to smd typed", err);
}

static const struct field_set *changed(struct arena *arena, struct comparison comparison)
{
    return field_set_union(arena, comparison.modified, comparison.added);
}

/* As in a kube-apiserver, one entry of a version that is not served fails the whole. */
static int check_versions(struct managed_call *call, struct err *err)
{
    for (size_t i = 0; i < call->managers.count; i++) {
        const char *version = call->managers.items[i].api_version;
        if (!writer_types(call->writer, version))
            return err_set(err, ERR_INVALID,
                           "request to convert CR to an invalid group/version: %s", version);
    }
    return 0;
}

/* Whoever owned something that changed or went owns it no longer. */
static void take_away(struct managed_call *call, const json_t *old, const json_t *new,
                      struct comparison own)
{
    for (size_t i = 0; i < call->managers.count; i++) {
        struct manager *manager = &call->managers.items[i];
        struct comparison seen = own;
        if (strcmp(manager->api_version, call->writer->api_version) != 0)
            seen = writer_comparison(call, manager->api_version, old, new);
        manager->fields =
            field_set_subtract(call->arena, manager->fields, changed(call->arena, seen));
        manager->fields = field_set_subtract(call->arena, manager->fields, seen.removed);
    }
    managers_drop_empty(&call->managers);
}

static void give(struct managed_call *call, const char *name, const struct field_set *fields)
{
    struct manager manager = writer_manager(call, false);
    manager.name = name;
    manager.fields = fields;
    manager.has_time = true;
    manager.time_s = call->writer->now_s;
    manager_identify(call->arena, &manager);
    struct manager *found = managers_find(&call->managers, manager.identity);
    if (found) {
        manager.fields = field_set_union(call->arena, found->fields, fields);
        *found = manager;
    } else {
        managers_add(&call->managers, &manager);
    }
}

int update_managers(struct managed_call *call, const json_t *old, const json_t *new,
                    const char *name, struct err *err)
{
    if (check_types(call, new, "convert new", err) != 0 ||
        (old && check_types(call, old, "convert live", err) != 0) || check_versions(call, err) != 0)
        return -1;
    json_t *nothing = json_object();
    const json_t *before = old ? old : nothing;
    reconcile_managers(call);
    struct comparison comparison = writer_comparison(call, call->writer->api_version, before, new);
    take_away(call, before, new, comparison);
    const struct field_set *fields = without_meta(call->arena, changed(call->arena, comparison));
    if (fields)
        give(call, name, fields);
    managers_cap(&call->managers);
    json_decref(nothing);
    return 0;
}

/* ---- what the client sent ---- */

/* `[{}]`: the client wants to be rid of them. */
static bool is_reset(const json_t *entries)
{
    const char *key;
    json_t *value;
    json_t *only = json_array_get(entries, 0);
    if (json_array_size(entries) != 1 || !json_is_object(only))
        return false;
    json_object_foreach(only, key, value)
    {
        bool empty =
            json_is_null(value) || (json_is_string(value) && *json_string_value(value) == '\0');
        if (!empty)
            return false;
    }
    return true;
}

/* The base: what the client sent if it makes sense, else what is stored. */
static void read_managers(struct managed_call *call, const json_t *sent, const json_t *stored)
{
    bool is_subresource = call->writer->subresource && *call->writer->subresource;
    if (!is_subresource && is_reset(sent))
        return;
    if (!is_subresource && json_array_size(sent) > 0 && managers_parse(&call->managers, sent) == 0)
        return;
    if (managers_parse(&call->managers, stored) != 0)
        call->managers.count = 0;
}

static bool same_text(const json_t *one, const json_t *other, const char *key)
{
    const char *text = json_at_text(one, key), *other_text = json_at_text(other, key);
    return strcmp(text ? text : "", other_text ? other_text : "") == 0;
}

static bool same_identity(const json_t *one, const json_t *other)
{
    const char *operation = json_at_text(one, "operation");
    return same_text(one, other, "operation") && same_text(one, other, "manager") &&
           same_text(one, other, "subresource") &&
           ((operation && strcmp(operation, "Apply") == 0) || same_text(one, other, "apiVersion"));
}

/* Scaling leaves two entries of one identity behind; the next write of any kind makes them one. Of
 * very many entries the long way finds out. */
static bool has_twins(const json_t *entries)
{
    size_t count = json_array_size(entries);
    if (count > TWINS_MAX)
        return true;
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (same_identity(json_array_get(entries, i), json_array_get(entries, j)))
                return true;
        }
    }
    return false;
}

/* Nothing but managedFields differs, and these only as nobody asked to change them. */
static bool is_unchanged(const struct managed_writer *writer, const json_t *sent,
                         const json_t *stored, const json_t *old, const json_t *new)
{
    bool is_subresource = writer->subresource && *writer->subresource;
    bool same_managers = is_subresource || json_array_size(sent) == 0 || json_same(sent, stored);
    return same_managers && !has_twins(stored) && value_equal(old, new);
}

static void update(const struct managed_writer *writer, const json_t *live, const json_t *sent,
                   json_t *object)
{
    json_t *stored = json_at(live, "metadata.managedFields");
    json_t *old = live ? without_managers(live) : NULL;
    if (old && is_unchanged(writer, sent, stored, old, object)) {
        if (stored)
            json_put(object, "metadata.managedFields", json_deep_copy(stored));
        json_decref(old);
        return;
    }
    struct managed_call call = {.writer = writer, .arena = arena_new(MANAGED_BYTES)};
    call.managers.arena = call.arena;
    read_managers(&call, sent, stored);
    bool tracked = !live || call.managers.count > 0;
    if (tracked && update_managers(&call, old, object, writer->manager, NULL) != 0)
        call.managers.count = 0;
    set_managers(object, &call.managers);
    arena_free(call.arena);
    json_decref(old);
}

void managed_update(const struct managed_writer *writer, const json_t *live, json_t *object)
{
    json_t *sent = json_incref(json_at(object, "metadata.managedFields"));
    json_object_del(json_object_get(object, "metadata"), "managedFields");
    update(writer, live, sent, object);
    json_decref(sent);
}
