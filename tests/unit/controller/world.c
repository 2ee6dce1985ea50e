#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define NS "shop"

static void free_entry(void *value)
{
    struct entry *entry = value;
    free(entry->key);
    free(entry->deployment);
    free(entry->region);
    free(entry);
}

static void free_map(void *value)
{
    map_free(value);
}

static void ignore(void *context, const char *deployment, const char *region)
{
    (void)context;
    (void)deployment;
    (void)region;
}

void world_open(struct world *world)
{
    *world = (struct world){.revision = 100, .now = 1795439851000, .commits = true};
    world->informer.deployments = map_new(free_entry);
    world->informer.parts = map_new(free_entry);
    world->informer.parts_of = map_new(free_map);
    world->informer.regions = map_new(free_entry);
    world->informer.changed = ignore;
    world->writes = mem_zalloc(sizeof(*world->writes));
    world->arena = arena_new(1 << 24);
    struct err err = {0};
    world->kinds = kinds_load(&err);
    if (!world->kinds)
        fail_msg("%s", err.message);
}

void world_close(struct world *world)
{
    writes_clear(world->writes);
    free(world->writes);
    arena_free(world->arena);
    kinds_free(world->kinds);
    map_free(world->informer.parts_of);
    map_free(world->informer.parts);
    map_free(world->informer.deployments);
    map_free(world->informer.regions);
}

/* ------------------------------------------------------------------------------------------
 * objects */

static void put(struct world *world, const struct controlled_kind *kind, const json_t *object)
{
    struct writes *writes = mem_zalloc(sizeof(*writes));
    writes_create(writes, kind, object, NULL);
    writes->items[0].revision = ++world->revision;
    informer_written(&world->informer, &writes->items[0]);
    writes_clear(writes);
    free(writes);
}

static json_t *get(const struct map *map, const char *key)
{
    const struct entry *entry = map_get(map, key);
    return entry ? entry_object(entry) : NULL;
}

void world_region(struct world *world, const char *name, const char *tier)
{
    AUTO_FREE char *first = mem_printf("%s1", name);
    AUTO_FREE char *second = mem_printf("%s2", name);
    json_t *object =
        json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:{s:s, s:[{s:s}, {s:s}]}, s:{}}", "apiVersion",
                  "mot.dev/v1alpha1", "kind", "Region", "metadata", "name", name, "labels", "tier",
                  tier, "spec", "appenv", "test", "zones", "name", second, "name", first, "status");
    put(world, &region_kind, object);
    json_decref(object);
}

void world_region_set(struct world *world, const char *name, const char *path, json_t *value)
{
    AUTO_FREE char *key = mem_printf("/%s", name);
    json_t *object = get(world->informer.regions, key);
    json_put(object, path, value);
    put(world, &region_kind, object);
    json_decref(object);
}

void world_region_ready(struct world *world, const char *name, const char *ready)
{
    world_region_set(world, name, "status",
                     json_pack("{s:s, s:[{s:s, s:s}]}", "heartbeatAt", "2026-11-23T12:57:31Z",
                               "conditions", "type", "Ready", "status", ready));
}

void world_region_drop(struct world *world, const char *name)
{
    AUTO_FREE char *key = mem_printf("/%s", name);
    assert_true(map_remove(world->informer.regions, key));
}

void world_deployment(struct world *world, const char *name, const char *placement)
{
    struct err err;
    json_t *rules = json_parse(placement, strlen(placement), true, &err);
    assert_non_null(rules);
    json_t *object = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:{s:{s:[{s:s, s:s}]}}, s:o}}",
                               "apiVersion", "mot.dev/v1alpha1", "kind", "Deployment", "metadata",
                               "name", name, "namespace", NS, "spec", "template", "spec",
                               "containers", "name", "main", "image", "img:1", "placement", rules);
    object_prepare_create(object);
    put(world, &deployment_kind, object);
    json_decref(object);
}

void world_change(struct world *world, const char *name, const char *path, json_t *value)
{
    json_t *object = world_get(world, name);
    json_t *old = json_deep_copy(object);
    json_put(object, path, value);
    object_prepare_update(object, old, true);
    put(world, &deployment_kind, object);
    json_decref(old);
    json_decref(object);
}

void world_part_change(struct world *world, const char *name, const char *region, const char *path,
                       json_t *value)
{
    json_t *part = world_part(world, name, region);
    json_put(part, path, value ? value : json_null());
    put(world, &regional_kind, part);
    json_decref(part);
}

void world_delete(struct world *world, const char *name)
{
    json_t *object = world_get(world, name);
    object_mark_deleted(object);
    put(world, &deployment_kind, object);
    json_decref(object);
}

void world_report(struct world *world, const char *name, const char *region, const char *state)
{
    json_t *part = world_part(world, name, region);
    int desired = 0;
    size_t index;
    json_t *zone;
    json_array_foreach(json_at(part, "spec.zones"), index, zone)
    {
        desired += (int)json_at_int(zone, "replicas", 0);
    }
    bool up = strcmp(state, "Converged") == 0;
    json_object_set_new(
        part, "status",
        json_pack("{s:s, s:b, s:I, s:I, s:i, s:i, s:i, s:i, s:s, s:[], s:s}", "state", state,
                  "gone", strcmp(state, "Gone") == 0, "revision", (json_int_t)object_revision(part),
                  "observedGeneration", (json_int_t)object_generation(part), "desired", desired,
                  "running", up ? desired : 0, "ready", up ? desired : 0, "updated",
                  up ? desired : 0, "message", "", "zones", "observedAt", "2026-11-23T12:57:31Z"));
    put(world, &regional_kind, part);
    json_decref(part);
}

/* ------------------------------------------------------------------------------------------
 * deciding */

static void take_deletion(struct world *world, const struct store_write *write)
{
    AUTO_FREE char *key = mem_printf("%s/%s", write->key.ns, write->key.name);
    if (strcmp(write->key.resource, deployment_kind.resource) == 0) {
        assert_true(map_remove(world->informer.deployments, key));
        return;
    }
    const struct entry *entry = map_get(world->informer.parts, key);
    AUTO_FREE char *deployment = mem_strdup(entry->deployment);
    struct map *siblings = map_get(world->informer.parts_of, deployment);
    map_remove(siblings, key);
    if (map_count(siblings) == 0)
        map_remove(world->informer.parts_of, deployment);
    map_remove(world->informer.parts, key);
}

static int64_t known_revision(const struct world *world, const struct store_write *write)
{
    AUTO_FREE char *key = mem_printf("%s/%s", write->key.ns, write->key.name);
    const struct entry *entry = strcmp(write->key.resource, deployment_kind.resource) == 0
                                    ? map_get(world->informer.deployments, key)
                                    : map_get(world->informer.parts, key);
    return entry ? entry->revision : 0;
}

static void take_in(struct world *world)
{
    for (size_t i = 0; i < world->writes->count; i++) {
        struct store_write *write = &world->writes->items[i];
        assert_int_equal(write->expected, known_revision(world, write));
        write->revision = ++world->revision;
        if (write->operation == STORE_DELETE)
            take_deletion(world, write);
        else
            informer_written(&world->informer, write);
    }
}

void world_decide(struct world *world, const char *name)
{
    AUTO_FREE char *key = mem_printf(NS "/%s", name);
    struct region_table regions;
    writes_clear(world->writes);
    arena_clear(world->arena);
    region_table_build(&regions, world->arena, &world->informer);
    struct deployment_context context = {.informer = &world->informer,
                                         .regions = &regions,
                                         .arena = world->arena,
                                         .writes = world->writes,
                                         .kinds = world->kinds,
                                         .now = world->now += 1000};
    deployment_reconcile(&context, key, "owner");
    region_table_release(&regions);
    if (world->commits)
        take_in(world);
}

int world_settle(struct world *world, const char *name)
{
    int total = 0;
    for (int i = 0; i < 10; i++) {
        world_decide(world, name);
        if (world->writes->count == 0)
            return total;
        total += (int)world->writes->count;
    }
    fail_msg("%s is written for ever", name);
    return total;
}

/* ------------------------------------------------------------------------------------------
 * looking */

json_t *world_get(const struct world *world, const char *name)
{
    AUTO_FREE char *key = mem_printf(NS "/%s", name);
    return get(world->informer.deployments, key);
}

json_t *world_part(const struct world *world, const char *name, const char *region)
{
    AUTO_FREE char *key = mem_printf(NS "/%s.%s", name, region);
    return get(world->informer.parts, key);
}

/* Kept until the next call. */
static const char *keep(const char *text)
{
    static char kept[64];
    snprintf(kept, sizeof(kept), "%s", text ? text : "");
    return kept;
}

const char *world_condition(const struct world *world, const char *name, const char *type)
{
    json_t *object = world_get(world, name);
    const char *text =
        keep(json_at_text(condition_get(json_object_get(object, "status"), type), "status"));
    json_decref(object);
    return text;
}

const char *world_state(const struct world *world, const char *name, const char *region)
{
    json_t *object = world_get(world, name);
    const char *text = keep("");
    size_t index;
    json_t *item;
    json_array_foreach(json_at(object, "status.regions"), index, item)
    {
        if (strcmp(json_at_text(item, "name"), region) == 0)
            text = keep(json_at_text(item, "state"));
    }
    json_decref(object);
    return text;
}
