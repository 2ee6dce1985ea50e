/* Server-side apply. */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "internal.h"
#include "last_applied.h"
#include "managers.h"

#define BEFORE_FIRST_APPLY "before-first-apply"

/* ---- conflicts ---- */

void managed_conflicts_release(struct managed_conflicts *conflicts)
{
    for (size_t i = 0; i < conflicts->count; i++) {
        free(conflicts->items[i].manager);
        free(conflicts->items[i].field);
    }
    free(conflicts->items);
    free(conflicts->misfit);
    *conflicts = (struct managed_conflicts){0};
}

char *managed_conflicts_message(const struct managed_conflicts *conflicts)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    if (conflicts->count == 1) {
        buf_adds(&buf, "Apply failed with 1 conflict: conflict with ");
        buf_adds(&buf, conflicts->items[0].manager);
        buf_adds(&buf, ": ");
        buf_adds(&buf, conflicts->items[0].field);
        return buf_take(&buf);
    }
    buf_addf(&buf, "Apply failed with %zu conflicts: ", conflicts->count);
    for (size_t i = 0; i < conflicts->count; i++) {
        const struct managed_conflict *conflict = &conflicts->items[i];
        if (i == 0 || strcmp(conflict->manager, conflicts->items[i - 1].manager) != 0)
            buf_addf(&buf, "%sconflicts with %s:", i > 0 ? "\n" : "", conflict->manager);
        buf_adds(&buf, "\n- ");
        buf_adds(&buf, conflict->field);
    }
    return buf_take(&buf);
}

/* `"x" with subresource "status" using mot.dev/v1alpha1` */
static char *show_manager(const struct manager *manager)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    write_go_quoted(&buf, manager->name, strlen(manager->name));
    if (*manager->subresource) {
        buf_adds(&buf, " with subresource ");
        write_go_quoted(&buf, manager->subresource, strlen(manager->subresource));
    }
    if (!manager->is_applier) {
        buf_adds(&buf, " using ");
        buf_adds(&buf, manager->api_version);
    }
    return buf_take(&buf);
}

struct conflict_list {
    struct managed_conflicts *conflicts;
    size_t capacity;
    const char *manager;
};

static void add_conflict(const char *path, void *context)
{
    struct conflict_list *list = context;
    struct managed_conflicts *conflicts = list->conflicts;
    mem_grow((void **)&conflicts->items, &list->capacity, conflicts->count,
             sizeof(*conflicts->items));
    conflicts->items[conflicts->count++] =
        (struct managed_conflict){mem_strdup(list->manager), mem_strdup(path)};
}

static int compare_identities(const void *a, const void *b)
{
    const struct manager *left = a;
    const struct manager *right = b;
    return strcmp(left->identity, right->identity);
}

/* The fields of each are those in conflict. */
static void list_conflicts(struct managers *managers, struct managed_conflicts *conflicts)
{
    struct conflict_list list = {.conflicts = conflicts};
    if (managers->count > 1)
        qsort(managers->items, managers->count, sizeof(*managers->items), compare_identities);
    for (size_t i = 0; i < managers->count; i++) {
        AUTO_FREE char *shown = show_manager(&managers->items[i]);
        list.manager = shown;
        field_set_show(managers->items[i].fields, add_conflict, &list);
    }
}

/* ---- one try ---- */

struct apply {
    struct managed_call *call;
    const struct field_type *types;
    const json_t *live; /* both without managedFields */
    const json_t *config;
    const char *identity; /* of the writer's entry */
    json_t *merged;
    struct managers conflicts;
};

/* All that anybody owns. */
static const struct field_set *all_fields(const struct managers *managers)
{
    const struct field_set *all = NULL;
    for (size_t i = 0; i < managers->count; i++)
        all = field_set_union(managers->arena, all, managers->items[i].fields);
    return all;
}

/*
 * Takes out of the merged object what this manager owned before, mentions no longer, and nobody
 * else owns. It is done by taking out too much and bringing back: what somebody owns, and what this
 * manager never owned.
 */
static json_t *prune(const struct apply *apply, const json_t *merged, const struct field_set *last)
{
    struct arena *arena = apply->call->arena;
    const struct field_type *types = apply->types;
    const struct field_set *named_last = field_set_named(arena, last, types);
    const struct field_set *all = field_set_named(arena, all_fields(&apply->call->managers), types);
    const struct field_set *present =
        field_set_named(arena, field_set_of(arena, types, merged), types);

    json_t *first = remove_fields(arena, types, merged, named_last);
    const struct field_set *kept = field_set_named(arena, field_set_of(arena, types, first), types);
    kept = field_set_union(arena, kept, all);
    json_t *second = remove_fields(arena, types, merged, field_set_subtract(arena, present, kept));
    kept = field_set_named(arena, field_set_of(arena, types, second), types);
    const struct field_set *dangling = field_set_subtract(arena, present, kept);
    json_decref(first);
    json_decref(second);
    return remove_fields(arena, types, merged, field_set_intersect(arena, dangling, named_last));
}

/* The writer's entry now owns @fields; returns what it owned before. */
static const struct field_set *own(struct apply *apply, const struct field_set *fields)
{
    struct managers *managers = &apply->call->managers;
    struct manager *found = managers_find(managers, apply->identity);
    struct manager manager = writer_manager(apply->call, true);
    const struct field_set *last = found ? found->fields : NULL;
    if (!found)
        found = managers_add(managers, &manager);
    found->api_version = apply->call->writer->api_version;
    found->fields = fields;
    return last;
}

static struct comparison seen_by(const struct apply *apply, const struct manager *manager,
                                 struct comparison own_view)
{
    if (strcmp(manager->api_version, apply->call->writer->api_version) == 0)
        return own_view;
    return writer_comparison(apply->call, manager->api_version, apply->live, apply->merged);
}

static void find_conflicts(struct apply *apply, struct comparison own_view)
{
    struct arena *arena = apply->call->arena;
    const struct managers *managers = &apply->call->managers;
    apply->conflicts = (struct managers){.arena = arena};
    for (size_t i = 0; i < managers->count; i++) {
        struct manager manager = managers->items[i];
        if (strcmp(manager.identity, apply->identity) == 0)
            continue;
        struct comparison seen = seen_by(apply, &manager, own_view);
        const struct field_set *changed = field_set_union(arena, seen.modified, seen.added);
        manager.fields = field_set_intersect(arena, manager.fields, changed);
        if (manager.fields)
            managers_add(&apply->conflicts, &manager);
    }
}

/* What is in conflict changes hands, and what is gone belongs to nobody. */
static void take_away(struct apply *apply, struct comparison own_view)
{
    struct arena *arena = apply->call->arena;
    struct managers *managers = &apply->call->managers;
    for (size_t i = 0; i < managers->count; i++) {
        struct manager *manager = &managers->items[i];
        if (strcmp(manager->identity, apply->identity) == 0)
            continue;
        struct comparison seen = seen_by(apply, manager, own_view);
        const struct manager *conflict = managers_find(&apply->conflicts, manager->identity);
        if (conflict)
            manager->fields = field_set_subtract(arena, manager->fields, conflict->fields);
        manager->fields = field_set_subtract(arena, manager->fields, seen.removed);
    }
}

/* 0, or -1 with apply->conflicts. Sets apply->merged. */
static int try_apply(struct apply *apply, bool force)
{
    struct managed_call *call = apply->call;
    apply->merged = merge_values(call->arena, apply->types, apply->live, apply->config);
    const struct field_set *fields =
        without_reset(call, field_set_of(call->arena, apply->types, apply->config));
    const struct field_set *last = own(apply, fields);
    /* Whoever still mentions all that he owned prunes nothing. */
    if (field_set_subtract(call->arena, last, fields)) {
        json_t *pruned = prune(apply, apply->merged, last);
        json_decref(apply->merged);
        apply->merged = pruned;
    }
    struct comparison comparison =
        writer_comparison(call, call->writer->api_version, apply->live, apply->merged);
    find_conflicts(apply, comparison);
    if (apply->conflicts.count > 0 && !force)
        return -1;
    take_away(apply, comparison);
    struct manager *mine = managers_find(&call->managers, apply->identity);
    mine->fields = without_meta(call->arena, mine->fields);
    return 0;
}

/* ---- the call ---- */

static int check(struct managed_call *call, const json_t *object, bool is_live, struct err *err)
{
    return check_object(call, object, is_live, is_live ? "create typed live" : "create typed patch",
                        "", err);
}

/* Who owned what before anybody applied. */
static int start_tracking(struct managed_call *call, const json_t *live, struct err *err)
{
    if (update_managers(call, NULL, live, BEFORE_FIRST_APPLY, err) != 0)
        return wrap_misfit(call, "failed to create manager for existing fields", err);
    return 0;
}

static int read_stored(struct managed_call *call, const json_t *entries, struct err *err)
{
    if (managers_parse(&call->managers, entries) == 0)
        return 0;
    return err_set(err, ERR_INVALID, "failed to decode managed fields");
}

/* What kubectl's client-side apply wrote, kubectl's server-side apply may overwrite. */
static bool takes_over_last_applied(struct apply *apply)
{
    struct managed_call *call = apply->call;
    if (strcmp(call->writer->manager, "kubectl") != 0)
        return false;
    json_t *config;
    const struct field_set *allowed = last_applied_fields(call, apply->live, &config);
    for (size_t i = 0; i < apply->conflicts.count; i++) {
        struct manager *manager = &apply->conflicts.items[i];
        manager->fields = field_set_subtract(call->arena, manager->fields, allowed);
    }
    json_decref(config);
    managers_drop_empty(&apply->conflicts);
    return apply->conflicts.count == 0;
}

static int try_twice(struct apply *apply, bool force, struct managed_conflicts *ret_conflicts,
                     struct err *err)
{
    struct managers before = managers_copy(&apply->call->managers);
    if (try_apply(apply, force) == 0)
        return 0;
    if (takes_over_last_applied(apply)) {
        json_decref(apply->merged);
        apply->call->managers = before;
        return try_apply(apply, true);
    }
    list_conflicts(&apply->conflicts, ret_conflicts);
    AUTO_FREE char *message = managed_conflicts_message(ret_conflicts);
    return err_set(err, ERR_CONFLICT, "%s", message);
}

/* The merged object with its managers. */
static void finish(struct apply *apply, bool created, json_t **ret_object, bool *ret_changed)
{
    struct managed_call *call = apply->call;
    *ret_changed = created || !value_equal(apply->live, apply->merged);
    *ret_object = json_deep_copy(*ret_changed ? apply->merged : apply->live);
    struct manager *mine = managers_find(&call->managers, apply->identity);
    if (*ret_changed) {
        mine->has_time = true;
        mine->time_s = call->writer->now_s;
    }
    managers_drop_empty(&call->managers);
    set_managers(*ret_object, &call->managers);
    if (strcmp(call->writer->manager, "kubectl") == 0)
        last_applied_renew(*ret_object, apply->config);
}

static int apply_config(struct managed_call *call, const json_t *live, const json_t *config,
                        bool force, json_t **ret_object, bool *ret_changed,
                        struct managed_conflicts *ret_conflicts, struct err *err)
{
    json_t *nothing = json_object();
    struct manager writer = writer_manager(call, true);
    struct apply apply = {
        .call = call,
        .types = field_types_root(call->writer->types),
        .live = live ? live : nothing,
        .config = config,
        .identity = writer.identity,
    };
    int result = 0;
    if (live && call->managers.count == 0)
        result = start_tracking(call, live, err);
    if (result == 0)
        result = check(call, config, false, err);
    if (result == 0 && live)
        result = check(call, live, true, err);
    if (result == 0) {
        reconcile_managers(call);
        result = try_twice(&apply, force, ret_conflicts, err);
    }
    if (result == 0)
        finish(&apply, !live, ret_object, ret_changed);
    json_decref(apply.merged);
    json_decref(nothing);
    return result;
}

int managed_apply(const struct managed_writer *writer, const json_t *live, const json_t *config,
                  bool force, json_t **ret_object, bool *ret_changed,
                  struct managed_conflicts *ret_conflicts, struct err *err)
{
    *ret_object = NULL;
    *ret_changed = false;
    *ret_conflicts = (struct managed_conflicts){0};
    struct managed_call call = {.writer = writer, .arena = arena_new(MANAGED_BYTES)};
    call.managers.arena = call.arena;
    json_t *old = live ? without_managers(live) : NULL;
    json_t *new = without_managers(config);
    int result = read_stored(&call, json_at(live, "metadata.managedFields"), err);
    if (result == 0)
        result = apply_config(&call, old, new, force, ret_object, ret_changed, ret_conflicts, err);
    ret_conflicts->misfit = call.misfit;
    json_decref(new);
    json_decref(old);
    arena_free(call.arena);
    return result;
}
