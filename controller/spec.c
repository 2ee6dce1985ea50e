#include "spec.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/selector.h>

#include "writes.h"

/* ------------------------------------------------------------------------------------------
 * regions */

/* The strings of an array's member @name of each item (NULL: the items themselves), in @arena. */
static const char **text_list(struct arena *arena, const json_t *array, const char *name,
                              size_t *ret_count)
{
    const char **list = arena_array(arena, json_array_size(array) + 1, sizeof(*list));
    size_t index, count = 0;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)array, index, item)
    {
        const char *text = json_string_value(name ? json_object_get(item, name) : item);
        if (text)
            list[count++] = arena_strdup(arena, text);
    }
    *ret_count = count;
    return list;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_region(struct region_table *table, struct arena *arena, const char *name,
                       const struct entry *entry)
{
    json_t *object = entry_object(entry);
    if (!object)
        return;
    size_t i = table->count++;
    size_t zone_count;
    const char **zones = text_list(arena, json_at(object, "spec.zones"), "name", &zone_count);
    qsort(zones, zone_count, sizeof(*zones), compare_text);
    table->items[i] = (struct placement_region){
        .name = arena_strdup(arena, name),
        .cordoned = json_at_bool(object, "spec.unschedulable", false),
        .zones = zones,
        .zone_count = zone_count,
    };
    table->labels[i] = json_incref(json_at(object, "metadata.labels"));
    const char *at = json_at_text(object, "status.heartbeatAt");
    struct err err;
    if (at && clock_parse(at, &table->heartbeat_at[i], &err))
        table->heartbeat_at[i] = 0;
    json_decref(object);
}

void region_table_build(struct region_table *table, struct arena *arena,
                        const struct informer *informer)
{
    size_t count = map_count(informer->regions);
    *table = (struct region_table){0};
    table->items = arena_array(arena, count + 1, sizeof(table->items[0]));
    table->labels = arena_array(arena, count + 1, sizeof(table->labels[0]));
    table->heartbeat_at = arena_array(arena, count + 1, sizeof(table->heartbeat_at[0]));
    const char **names = map_sorted_keys(informer->regions);
    for (size_t i = 0; i < count; i++)
        add_region(table, arena, names[i], map_get(informer->regions, names[i]));
    free(names);
}

void region_table_release(struct region_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        json_decref(table->labels[i]);
    table->count = 0;
}

/* ------------------------------------------------------------------------------------------ rules
 */

static const bool *matches(struct arena *arena, const json_t *label_selector,
                           const struct region_table *regions)
{
    bool *selected = arena_array(arena, regions->count + 1, sizeof(bool));
    struct err err;
    struct selector *selector = selector_from_object(label_selector, &err);
    for (size_t i = 0; selector && i < regions->count; i++)
        selected[i] = selector_matches(selector, regions->labels[i]);
    selector_free(selector);
    return selected;
}

struct placement_rule *placement_rules(struct arena *arena, const json_t *deployment,
                                       const struct region_table *regions, size_t *ret_count)
{
    json_t *placement = json_at(deployment, "spec.placement");
    size_t count = json_array_size(placement);
    struct placement_rule *rules = arena_array(arena, count + 1, sizeof(*rules));
    for (size_t i = 0; i < count; i++) {
        const json_t *rule = json_array_get(placement, i);
        const json_t *selector = json_object_get(rule, "regionSelector");
        rules[i] = (struct placement_rule){
            .name = arena_strdup(arena, json_at_text(rule, "name")),
            .has_selector = selector != NULL,
            .selected = selector ? matches(arena, selector, regions) : NULL,
            .replicas_per_zone = (int)json_at_int(rule, "replicasPerZone", -1),
            .replicas = (int)json_at_int(rule, "replicas", -1),
        };
        rules[i].regions =
            text_list(arena, json_object_get(rule, "regions"), NULL, &rules[i].region_count);
        rules[i].zones =
            text_list(arena, json_object_get(rule, "zones"), NULL, &rules[i].zone_count);
    }
    *ret_count = count;
    return rules;
}

/* ------------------------------------------------------------------------------------------ specs
 */

/* Later entries of the same name win and keep the earlier one's place. */
static void merge_env(json_t *container, const json_t *overrides)
{
    json_t *env = json_object_get(container, "env");
    if (!env) {
        env = json_array();
        json_object_set_new(container, "env", env);
    }
    for (size_t i = 0; i < json_array_size(overrides); i++) {
        json_t *change = json_array_get(overrides, i);
        const char *name = json_at_text(change, "name");
        size_t at = 0;
        while (at < json_array_size(env) && name) {
            const char *held = json_at_text(json_array_get(env, at), "name");
            if (held && strcmp(held, name) == 0)
                break;
            at++;
        }
        if (at < json_array_size(env))
            json_array_set(env, at, change);
        else
            json_array_append(env, change);
    }
}

static void override_container(json_t *container, const json_t *overrides)
{
    static const char *const replaced[] = {"image", "command", "args"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(replaced); i++) {
        json_t *value = json_object_get(overrides, replaced[i]);
        if (value)
            json_object_set(container, replaced[i], value);
    }
    if (json_object_get(overrides, "env"))
        merge_env(container, json_object_get(overrides, "env"));
    json_t *resources = json_object_get(overrides, "resources");
    if (!resources)
        return;
    json_t *held = json_object_get(container, "resources");
    if (held)
        json_object_update_recursive(held, resources);
    else
        json_object_set_new(container, "resources", json_deep_copy(resources));
}

static json_t *template_with(const json_t *template, const json_t *overrides)
{
    json_t *copy = json_deep_copy(template);
    const char *only = json_at_text(overrides, "container");
    size_t index;
    json_t *container;
    json_array_foreach(json_at(copy, "spec.containers"), index, container)
    {
        const char *name = json_at_text(container, "name");
        if (overrides && (!only || (name && strcmp(only, name) == 0)))
            override_container(container, overrides);
    }
    return copy;
}

json_t *part_spec(const json_t *deployment, const struct placed_region *placed)
{
    const json_t *rule = json_array_get(json_at(deployment, "spec.placement"), placed->rule);
    json_t *zones = json_array();
    for (size_t i = 0; i < placed->zone_count; i++)
        json_array_append_new(zones, json_pack("{s:s, s:i}", "name", placed->zones[i].name,
                                               "replicas", placed->zones[i].replicas));
    json_t *spec = json_pack(
        "{s:s, s:I, s:s, s:s*, s:o, s:o}", "deployment", object_name(deployment),
        "deploymentGeneration", (json_int_t)object_generation(deployment), "region", placed->region,
        "placement", json_at_text(rule, "name"), "zones", zones, "template",
        template_with(json_at(deployment, "spec.template"), json_object_get(rule, "overrides")));
    json_t *strategy = json_at(deployment, "spec.strategy");
    if (strategy)
        json_object_set_new(spec, "strategy", json_deep_copy(strategy));
    return spec;
}

bool part_spec_same(const json_t *a, const json_t *b)
{
    json_t *left = json_copy((json_t *)(uintptr_t)a);
    json_t *right = json_copy((json_t *)(uintptr_t)b);
    json_object_del(left, "deploymentGeneration");
    json_object_del(right, "deploymentGeneration");
    bool same = json_equal(left, right);
    json_decref(left);
    json_decref(right);
    return same;
}

json_t *part_new(const json_t *deployment, const struct placed_region *placed)
{
    AUTO_FREE char *name = mem_printf("%s.%s", object_name(deployment), placed->region);
    json_t *owner =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "apiVersion", deployment_kind.api_version,
                  "kind", deployment_kind.kind, "name", object_name(deployment), "uid",
                  object_uid(deployment), "controller", 1, "blockOwnerDeletion", 1);
    json_t *object =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}, s:[o], s:[s]}, s:o}", "apiVersion",
                  regional_kind.api_version, "kind", regional_kind.kind, "metadata", "name", name,
                  "namespace", object_namespace(deployment), "labels", LABEL_DEPLOYMENT,
                  object_name(deployment), LABEL_REGION, placed->region, "ownerReferences", owner,
                  "finalizers", PART_FINALIZER, "spec", part_spec(deployment, placed));
    object_prepare_create(object);
    return object;
}
