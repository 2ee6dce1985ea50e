#include "spec.h"

#include <string.h>

#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/selector.h>

#include "writes.h"

#define NAME_LEN_MAX  253
#define LABEL_LEN_MAX 63
#define HASH_LEN      16

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
    const char *heard_at = json_at_text(object, "status.heartbeatAt");
    const char *ready =
        json_at_text(condition_get(json_object_get(object, "status"), "Ready"), "status");
    table->heard_at[i] = arena_strdup(arena, heard_at);
    table->stale[i] = heard_at && ready && strcmp(ready, "True") != 0;
    json_decref(object);
}

void region_table_build(struct region_table *table, struct arena *arena,
                        const struct informer *informer)
{
    size_t count = map_count(informer->regions);
    *table = (struct region_table){0};
    table->items = arena_array(arena, count + 1, sizeof(table->items[0]));
    table->labels = arena_array(arena, count + 1, sizeof(table->labels[0]));
    table->heard_at = arena_array(arena, count + 1, sizeof(table->heard_at[0]));
    table->stale = arena_array(arena, count + 1, sizeof(table->stale[0]));
    const char **names = map_sorted_keys(informer->regions);
    for (size_t i = 0; i < count; i++)
        add_region(table, arena, names[i] + 1, map_get(informer->regions, names[i]));
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

/* ------------------------------------------------------------------------------------------ parts
 */

/* As it is, if it has at most @max bytes; else its beginning and a hash. */
static char *shortened(const char *text, size_t max)
{
    size_t len = strlen(text);
    if (len <= max)
        return mem_strdup(text);
    len = max - HASH_LEN - 1;
    while (len > 0 && (text[len - 1] == '.' || text[len - 1] == '-'))
        len--;
    return mem_printf("%.*s-%016llx", (int)len, text, (unsigned long long)hash_text(text));
}

char *part_name(const char *deployment, const char *region)
{
    size_t taken = strlen(region) + 1;
    size_t room = taken + 2 * HASH_LEN < NAME_LEN_MAX ? NAME_LEN_MAX - taken : 2 * HASH_LEN;
    AUTO_FREE char *first = shortened(deployment, room);
    return mem_printf("%s.%s", first, region);
}

json_t *label_value(const char *text)
{
    AUTO_FREE char *value = shortened(text, LABEL_LEN_MAX);
    return json_string(value);
}

static json_t *owner_reference(const json_t *deployment)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "apiVersion", deployment_kind.api_version,
                     "kind", deployment_kind.kind, "name", object_name(deployment), "uid",
                     object_uid(deployment), "controller", 1, "blockOwnerDeletion", 1);
}

static bool label_is(const json_t *part, const char *label, const char *text)
{
    json_t *labels = json_at(part, "metadata.labels");
    json_t *wanted = label_value(text);
    bool same = json_equal(json_object_get(labels, label), wanted);
    json_decref(wanted);
    return same;
}

bool part_is_owned(const json_t *part, const json_t *deployment)
{
    size_t index;
    json_t *reference;
    json_array_foreach(json_at(part, "metadata.ownerReferences"), index, reference)
    {
        const char *uid = json_at_text(reference, "uid");
        const char *kind = json_at_text(reference, "kind");
        if (deployment ? uid && strcmp(uid, object_uid(deployment)) == 0
                       : kind && strcmp(kind, deployment_kind.kind) == 0)
            return true;
    }
    return false;
}

bool part_is_as_wanted(const json_t *part, const json_t *deployment, const char *region,
                       const json_t *spec)
{
    return part_spec_same(json_object_get(part, "spec"), spec) && part_is_owned(part, deployment) &&
           object_has_finalizer(part, PART_FINALIZER) &&
           label_is(part, LABEL_DEPLOYMENT, object_name(deployment)) &&
           label_is(part, LABEL_REGION, region);
}

void part_renew(json_t *part, const json_t *deployment, const char *region, json_t *spec)
{
    json_t *metadata = json_object_get(part, "metadata");
    json_t *labels = json_object_get(metadata, "labels");
    if (!json_is_object(labels)) {
        labels = json_object();
        json_object_set_new(metadata, "labels", labels);
    }
    json_object_set_new(labels, LABEL_DEPLOYMENT, label_value(object_name(deployment)));
    json_object_set_new(labels, LABEL_REGION, label_value(region));
    json_object_set_new(metadata, "ownerReferences", json_pack("[o]", owner_reference(deployment)));
    object_add_finalizer(part, PART_FINALIZER);
    if (!part_spec_same(json_object_get(part, "spec"), spec))
        json_object_set(part, "spec", spec);
}

json_t *part_new(const json_t *deployment, const char *region, json_t *spec)
{
    AUTO_FREE char *name = part_name(object_name(deployment), region);
    json_t *object = json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", regional_kind.api_version,
                               "kind", regional_kind.kind, "metadata", "name", name, "namespace",
                               object_namespace(deployment));
    part_renew(object, deployment, region, spec);
    object_prepare_create(object);
    return object;
}
