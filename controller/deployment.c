#include "deployment.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/workload.h>

#include "decide/aggregate.h"
#include "decide/garbage.h"

/* A regional part, as the informer has it. */
struct part {
    const struct entry *entry;
    json_t *object; /* owned */
    const char *region;
};

struct parts {
    struct part *items;
    size_t count;
};

static struct parts parts_read(const struct deployment_context *context, const char *key)
{
    const struct map *known = informer_parts(context->informer, key);
    struct parts parts = {0};
    parts.items =
        arena_array(context->arena, (known ? map_count(known) : 0) + 1, sizeof(struct part));
    const char **names = known ? map_sorted_keys(known) : NULL;
    for (size_t i = 0; known && i < map_count(known); i++) {
        const struct entry *entry = map_get(known, names[i]);
        json_t *object = entry_object(entry);
        if (object)
            parts.items[parts.count++] = (struct part){entry, object, entry->region};
    }
    free(names);
    return parts;
}

static void parts_release(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        json_decref(parts->items[i].object);
}

static struct part *part_in(const struct parts *parts, const char *region)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (strcmp(parts->items[i].region, region) == 0)
            return &parts->items[i];
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------ parts
 */

/* The region has stopped everything of this very object, and said so. */
static bool part_gone(const json_t *object)
{
    return json_at_bool(object, "status.gone", false) &&
           json_at_int(object, "status.observedGeneration", 0) == object_generation(object);
}

static void part_remove(const struct deployment_context *context, const struct part *part,
                        const char *owner)
{
    json_t *object = json_deep_copy(part->object);
    if (!object_mark_deleted(object) && part_gone(object))
        object_remove_finalizer(object, PART_FINALIZER);
    writes_finish(context->writes, &regional_kind, part->object, part->entry->revision, object,
                  owner);
    json_decref(object);
}

/* True when the part says what placement wants now. */
static bool part_ensure(const struct deployment_context *context, const json_t *deployment,
                        const struct placed_region *placed, const struct part *part,
                        const char *owner)
{
    json_t *spec = part_spec(deployment, placed);
    bool same = part && part_is_as_wanted(part->object, deployment, placed->region, spec);
    if (!part) {
        json_t *object = part_new(deployment, placed->region, spec);
        writes_create(context->writes, &regional_kind, object, owner);
        json_decref(object);
    } else if (!same && placed->verb == PLACE_ENSURE) {
        json_t *object = json_deep_copy(part->object);
        part_renew(object, deployment, placed->region, spec);
        object_prepare_update(object, part->object, true);
        writes_update(context->writes, &regional_kind, part->object, part->entry->revision, object,
                      owner);
        json_decref(object);
    }
    json_decref(spec);
    return same;
}

/* ------------------------------------------------------------------------------------------ status
 */

static struct int_or_percent read_amount(const json_t *value, int fallback)
{
    struct int_or_percent amount = {.value = fallback};
    if (json_is_integer(value))
        amount.value = (int)json_integer_value(value);
    if (json_is_string(value)) {
        amount.value = atoi(json_string_value(value));
        amount.percent = strchr(json_string_value(value), '%') != NULL;
    }
    return amount;
}

static void count_zone(struct aggregate_region *region, struct int_or_percent unavailable,
                       int replicas)
{
    region->desired += replicas;
    region->max_unavailable += int_or_percent_of(unavailable, replicas, false);
}

/* By the part, as it is. */
static void count_desired(const json_t *spec, struct aggregate_region *region)
{
    struct int_or_percent unavailable = read_amount(json_at(spec, "strategy.maxUnavailable"), 0);
    size_t index;
    json_t *zone;
    json_array_foreach(json_object_get(spec, "zones"), index, zone)
    {
        count_zone(region, unavailable, (int)json_at_int(zone, "replicas", 0));
    }
}

/* By placement: what the part says once it is written. */
static void count_placed(const json_t *deployment, const struct placed_region *placed,
                         struct aggregate_region *region)
{
    struct int_or_percent unavailable =
        read_amount(json_at(deployment, "spec.strategy.maxUnavailable"), 0);
    region->desired = region->max_unavailable = 0;
    for (size_t i = 0; i < placed->zone_count; i++)
        count_zone(region, unavailable, placed->zones[i].replicas);
}

static void read_part(const struct deployment_context *context, const struct part *part,
                      struct aggregate_region *region)
{
    const json_t *status = json_object_get(part->object, "status");
    const char *state = json_at_text(status, "state");
    region->reported = state != NULL;
    region->state = arena_strdup(context->arena, state);
    region->message = arena_strdup(context->arena, json_at_text(status, "message"));
    region->current =
        json_at_int(status, "observedGeneration", 0) == object_generation(part->object);
    region->deleting = object_deleting(part->object);
    region->running = (int)json_at_int(status, "running", 0);
    region->ready = (int)json_at_int(status, "ready", 0);
    region->updated = (int)json_at_int(status, "updated", 0);
    if (!region->deleting)
        count_desired(json_object_get(part->object, "spec"), region);
}

static void read_freshness(const struct deployment_context *context,
                           struct aggregate_region *region)
{
    for (size_t i = 0; i < context->regions->count; i++) {
        if (strcmp(context->regions->items[i].name, region->name) == 0) {
            region->heard_at = context->regions->heard_at[i];
            region->stale = context->regions->stale[i];
        }
    }
}

/* The rule that selects the region; NULL: none. */
static const char *rule_name(const json_t *deployment, const struct placement_plan *plan, size_t i)
{
    if (!plan || (plan->regions[i].verb != PLACE_ENSURE && plan->regions[i].verb != PLACE_KEEP))
        return NULL;
    return json_at_text(
        json_array_get(json_at(deployment, "spec.placement"), plan->regions[i].rule), "name");
}

static json_t *region_json(const struct aggregate_output *out, const struct aggregate_input *in,
                           size_t i, const struct part *part, const char *rule)
{
    const struct aggregate_region *region = &in->regions[i];
    json_t *item =
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:s, s:s}", "name", region->name, "desired",
                  region->desired, "running", region->running, "ready", region->ready, "updated",
                  region->updated, "state", out->states[i], "message", out->messages[i]);
    if (rule)
        json_object_set_new(item, "placement", json_string(rule));
    static const char *const copied[][2] = {{"revision", "status.revision"},
                                            {"observedAt", "status.observedAt"},
                                            {"zones", "status.zones"}};
    for (size_t c = 0; part && c < MOT_ARRAY_SIZE(copied); c++) {
        json_t *value = json_at(part->object, copied[c][1]);
        if (value)
            json_object_set(item, copied[c][0], value);
    }
    return item;
}

static void set_condition(json_t *status, const char *type,
                          const struct aggregate_condition *condition, int64_t generation,
                          int64_t now)
{
    condition_set(status, type, condition->status, condition->reason, condition->message,
                  generation, now);
}

/* The status of the deployment, from the parts as they are. @plan: NULL when it is being deleted.
 */
static void write_status(const struct deployment_context *context, json_t *object,
                         const struct aggregate_input *in, const struct parts *parts,
                         const struct placement_plan *plan)
{
    struct aggregate_output out;
    aggregate_decide(context->arena, in, &out);
    json_t *status = json_object_get(object, "status");
    if (!json_is_object(status)) {
        status = json_object();
        json_object_set_new(object, "status", status);
    }
    int64_t generation = object_generation(object);
    json_object_set_new(status, "observedGeneration", json_integer(generation));
    json_object_set_new(status, "desired", json_integer(out.desired));
    json_object_set_new(status, "running", json_integer(out.running));
    json_object_set_new(status, "ready", json_integer(out.ready));
    json_object_set_new(status, "updated", json_integer(out.updated));
    json_object_set_new(status, "summary", json_sprintf("%d/%zu", out.converged, in->count));
    json_t *regions = json_array();
    for (size_t i = 0; i < in->count; i++)
        json_array_append_new(regions, region_json(&out, in, i, part_in(parts, in->regions[i].name),
                                                   rule_name(object, plan, i)));
    json_object_set_new(status, "regions", regions);
    set_condition(status, "Available", &out.available, generation, context->now);
    set_condition(status, "Progressing", &out.progressing, generation, context->now);
    set_condition(status, "Converged", &out.done, generation, context->now);
}

/* ------------------------------------------------------------------------------------------ the
 * deployment */

static void place(const struct deployment_context *context, const json_t *deployment,
                  const struct parts *parts, struct placement_plan *plan)
{
    const char **existing = arena_array(context->arena, parts->count + 1, sizeof(*existing));
    for (size_t i = 0; i < parts->count; i++)
        existing[i] = parts->items[i].region;
    struct placement_input in = {
        .regions = context->regions->items,
        .region_count = context->regions->count,
        .existing = existing,
        .existing_count = parts->count,
    };
    in.rules = placement_rules(context->arena, deployment, context->regions, &in.rule_count);
    placement_decide(context->arena, &in, plan);
}

/* Carries out the plan for one region. True when its part says what placement wants now. One that
 * goes has to be gone before the region can have another. */
static bool act_in(const struct deployment_context *context, const json_t *deployment,
                   const struct placed_region *placed, const struct part *part, const char *owner)
{
    if (part && (placed->verb == PLACE_REMOVE || object_deleting(part->object))) {
        part_remove(context, part, owner);
        return false;
    }
    return placed->verb != PLACE_HOLD && part_ensure(context, deployment, placed, part, owner);
}

/* Carries out the plan, and says for each region what the status needs to know. */
static void act(const struct deployment_context *context, const json_t *deployment,
                const struct placement_plan *plan, const struct parts *parts,
                struct aggregate_region *regions, const char *owner)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct placed_region *placed = &plan->regions[i];
        const struct part *part = part_in(parts, placed->region);
        regions[i] = (struct aggregate_region){
            .name = placed->region, .state = "", .message = "", .heard_at = ""};
        regions[i].wanted = act_in(context, deployment, placed, part, owner);
        regions[i].held =
            !regions[i].wanted && (placed->verb == PLACE_KEEP || placed->verb == PLACE_HOLD);
        if (part)
            read_part(context, part, &regions[i]);
        if (placed->verb == PLACE_ENSURE && !regions[i].deleting)
            count_placed(deployment, placed, &regions[i]);
        read_freshness(context, &regions[i]);
    }
}

/*
 * The finalizer is written together with the first parts. Should somebody change the deployment in
 * between, the parts are there before it is; that heals: what happened makes it decided again, and
 * parts that have no deployment are removed.
 */
static void reconcile_living(const struct deployment_context *context, const struct entry *entry,
                             const json_t *deployment, const struct parts *parts, const char *owner)
{
    json_t *object = json_deep_copy(deployment);
    object_add_finalizer(object, DEPLOYMENT_FINALIZER);
    struct placement_plan plan;
    place(context, deployment, parts, &plan);
    struct aggregate_region *regions =
        arena_array(context->arena, plan.count + 1, sizeof(*regions));
    act(context, deployment, &plan, parts, regions, owner);
    struct aggregate_input in = {.regions = regions, .count = plan.count, .problem = plan.problem};
    write_status(context, object, &in, parts, &plan);
    writes_sign(context->kinds, &deployment_kind, deployment, object);
    writes_update(context->writes, &deployment_kind, deployment, entry->revision, object, owner);
    json_decref(object);
}

/*
 * Its parts go, and it goes when they are gone. With the finalizer "orphan" they stay: the garbage
 * collector takes their references to the deployment away, and then they are none of its any more.
 */
static void reconcile_deleted(const struct deployment_context *context, const struct entry *entry,
                              const json_t *deployment, const struct parts *parts,
                              const char *owner)
{
    struct aggregate_region *regions =
        arena_array(context->arena, parts->count + 1, sizeof(*regions));
    bool orphans = object_has_finalizer(deployment, FINALIZER_ORPHAN);
    size_t count = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->items[i];
        if (!part_is_owned(part->object, deployment) && !object_deleting(part->object))
            continue;
        struct aggregate_region *region = &regions[count++];
        *region = (struct aggregate_region){
            .name = part->region, .state = "", .message = "", .heard_at = ""};
        read_part(context, part, region);
        region->deleting = true;
        read_freshness(context, region);
        if (!orphans || object_deleting(part->object))
            part_remove(context, part, owner);
    }
    json_t *object = json_deep_copy(deployment);
    struct aggregate_input in = {
        .regions = regions, .count = count, .deleting = true, .problem = ""};
    write_status(context, object, &in, parts, NULL);
    if (count == 0)
        object_remove_finalizer(object, DEPLOYMENT_FINALIZER);
    writes_sign(context->kinds, &deployment_kind, deployment, object);
    writes_finish(context->writes, &deployment_kind, deployment, entry->revision, object, owner);
    json_decref(object);
}

/* There is no such deployment. Parts that were let go run on without one, until somebody deletes
 * them or creates a deployment of that name, which takes them over. */
static void remove_abandoned(const struct deployment_context *context, const struct parts *parts,
                             const char *owner)
{
    for (size_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->items[i];
        if (part_is_owned(part->object, NULL) || object_deleting(part->object))
            part_remove(context, part, owner);
    }
}

void deployment_reconcile(const struct deployment_context *context, const char *key,
                          const char *owner)
{
    const struct entry *entry = map_get(context->informer->deployments, key);
    struct parts parts = parts_read(context, key);
    json_t *deployment = entry ? entry_object(entry) : NULL;
    if (!entry) {
        remove_abandoned(context, &parts, owner);
    } else if (deployment && object_deleting(deployment)) {
        reconcile_deleted(context, entry, deployment, &parts, owner);
    } else if (deployment) {
        reconcile_living(context, entry, deployment, &parts, owner);
    }
    json_decref(deployment);
    parts_release(&parts);
}
