#include "placement.h"

#include <string.h>

static bool in_list(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], name) == 0)
            return true;
    }
    return false;
}

static bool selects(const struct placement_input *in, size_t rule, size_t region)
{
    const struct placement_rule *r = &in->rules[rule];
    if (r->region_count && !in_list(r->regions, r->region_count, in->regions[region].name))
        return false;
    return !r->has_selector || r->selected[region];
}

/* The first rule that selects the region; rule_count: none. */
static size_t ruling(const struct placement_input *in, size_t region)
{
    size_t rule = 0;
    while (rule < in->rule_count && !selects(in, rule, region))
        rule++;
    return rule;
}

static void spread(struct arena *arena, const struct placement_rule *rule,
                   const struct placement_region *region, struct placed_region *placed)
{
    placed->zones = arena_array(arena, region->zone_count + 1, sizeof(placed->zones[0]));
    for (size_t i = 0; i < region->zone_count; i++) {
        if (rule->zone_count == 0 || in_list(rule->zones, rule->zone_count, region->zones[i]))
            placed->zones[placed->zone_count++].name = region->zones[i];
    }
    int count = (int)placed->zone_count;
    for (int i = 0; i < count; i++) {
        if (rule->replicas_per_zone >= 0)
            placed->zones[i].replicas = rule->replicas_per_zone;
        else if (rule->replicas >= 0)
            placed->zones[i].replicas = rule->replicas / count + (i < rule->replicas % count);
        else
            placed->zones[i].replicas = 1;
    }
}

static bool region_exists(const struct placement_input *in, const char *name)
{
    for (size_t i = 0; i < in->region_count; i++) {
        if (strcmp(in->regions[i].name, name) == 0)
            return true;
    }
    return false;
}

static const char *find_problem(struct arena *arena, const struct placement_input *in,
                                const struct placement_plan *plan)
{
    for (size_t i = 0; i < in->rule_count; i++) {
        for (size_t r = 0; r < in->rules[i].region_count; r++) {
            if (!region_exists(in, in->rules[i].regions[r]))
                return arena_printf(arena, "placement %s: there is no region %s", in->rules[i].name,
                                    in->rules[i].regions[r]);
        }
    }
    bool placed = false;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->regions[i].verb == PLACE_HOLD)
            return arena_printf(arena, "region %s is not known, what it has stays",
                                plan->regions[i].region);
        if (plan->regions[i].verb == PLACE_ENSURE && plan->regions[i].zone_count == 0)
            return arena_printf(arena, "placement %s: region %s has none of its zones",
                                in->rules[plan->regions[i].rule].name, plan->regions[i].region);
        placed |= plan->regions[i].verb != PLACE_REMOVE;
    }
    return placed ? "" : "no placement selects a region";
}

/* What no rule selects. */
static void add_removals(const struct placement_input *in, struct placement_plan *plan)
{
    for (size_t i = 0; i < in->existing_count; i++) {
        size_t at = 0;
        while (at < plan->count && strcmp(plan->regions[at].region, in->existing[i]) < 0)
            at++;
        if (at < plan->count && strcmp(plan->regions[at].region, in->existing[i]) == 0)
            continue;
        memmove(&plan->regions[at + 1], &plan->regions[at],
                (plan->count - at) * sizeof(plan->regions[0]));
        enum placement_verb verb = region_exists(in, in->existing[i]) ? PLACE_REMOVE : PLACE_HOLD;
        plan->regions[at] = (struct placed_region){.verb = verb, .region = in->existing[i]};
        plan->count++;
    }
}

void placement_decide(struct arena *arena, const struct placement_input *in,
                      struct placement_plan *plan)
{
    *plan = (struct placement_plan){.problem = ""};
    plan->regions =
        arena_array(arena, in->region_count + in->existing_count + 1, sizeof(plan->regions[0]));
    for (size_t i = 0; i < in->region_count; i++) {
        const struct placement_region *region = &in->regions[i];
        size_t rule = ruling(in, i);
        if (rule == in->rule_count)
            continue;
        bool exists = in_list(in->existing, in->existing_count, region->name);
        if (region->cordoned && !exists)
            continue;
        struct placed_region *placed = &plan->regions[plan->count++];
        *placed = (struct placed_region){.region = region->name, .rule = rule};
        placed->verb = region->cordoned ? PLACE_KEEP : PLACE_ENSURE;
        spread(arena, &in->rules[rule], region, placed);
    }
    add_removals(in, plan);
    plan->problem = find_problem(arena, in, plan);
}
