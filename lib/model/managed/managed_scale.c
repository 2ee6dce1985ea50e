/* The managers of a scale subresource: those of its parent that own the number of replicas. */
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "internal.h"
#include "managers.h"

#define SCALE_VERSION  "autoscaling/v1"
#define SCALE_REPLICAS "spec.replicas"

static bool owns(struct arena *arena, const struct manager *manager, const struct field_set *path)
{
    return field_set_intersect(arena, manager->fields, path) != NULL;
}

json_t *managed_to_scale(const json_t *parent, const char *replicas_path)
{
    struct arena *arena = arena_new(MANAGED_BYTES);
    struct managers managers = {.arena = arena};
    struct managers shown = {.arena = arena};
    const struct field_set *path = field_set_path(arena, replicas_path);
    if (managers_parse(&managers, json_at(parent, "metadata.managedFields")) != 0)
        managers.count = 0;
    for (size_t i = 0; i < managers.count; i++) {
        struct manager manager = managers.items[i];
        if (!owns(arena, &manager, path))
            continue;
        manager.api_version = SCALE_VERSION;
        manager.fields = field_set_path(arena, SCALE_REPLICAS);
        managers_add(&shown, &manager);
    }
    json_t *entries = managers_print(&shown);
    arena_free(arena);
    return entries;
}

/*
 * The parent's managers after a write through /scale. A manager whose entry is no longer in the
 * scale lost the number; one that is new there gets an entry of its own. That one has no time, as
 * on the real server. Updaters are other managers in a scale than in its parent, as their entries
 * name another version: they lose it in any case, and get it back in an entry of its own.
 */
static void join_scale(struct managers *managers, struct managers *scale,
                       const struct managed_writer *writer, const struct field_set *path)
{
    struct arena *arena = managers->arena;
    for (size_t i = 0; i < managers->count; i++) {
        struct manager *manager = &managers->items[i];
        struct manager *kept = managers_find(scale, manager->identity);
        if (!writer_types(writer, manager->api_version))
            manager->fields = NULL;
        else if (owns(arena, manager, path) && kept)
            kept->fields = NULL;
        else if (owns(arena, manager, path))
            manager->fields = field_set_subtract(arena, manager->fields, path);
    }
    managers_drop_empty(managers);
    const struct field_set *in_scale = field_set_path(arena, SCALE_REPLICAS);
    for (size_t i = 0; i < scale->count; i++) {
        struct manager manager = scale->items[i];
        if (!owns(arena, &manager, in_scale))
            continue;
        manager.api_version = writer->api_version;
        manager.fields = path;
        manager.has_time = false;
        manager.time_s = 0;
        managers_add(managers, &manager);
    }
}

json_t *managed_from_scale(const struct managed_writer *writer, const json_t *parent,
                           const json_t *scale_entries, const char *replicas_path)
{
    struct arena *arena = arena_new(MANAGED_BYTES);
    struct managers managers = {.arena = arena};
    struct managers scale = {.arena = arena};
    const struct field_set *path = field_set_path(arena, replicas_path);
    if (managers_parse(&managers, json_at(parent, "metadata.managedFields")) != 0)
        managers.count = 0;
    if (managers_parse(&scale, scale_entries) != 0)
        scale.count = 0;
    join_scale(&managers, &scale, writer, path);
    json_t *entries = managers_print(&managers);
    arena_free(arena);
    return entries;
}
