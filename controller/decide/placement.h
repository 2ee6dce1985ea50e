/*
 * Placement: which regions a deployment runs in, by which rule, with how many instances in which
 * zone. Pure: everything it looks at is in the input, everything it says is in the plan.
 */
#ifndef MOT_CONTROLLER_DECIDE_PLACEMENT_H
#define MOT_CONTROLLER_DECIDE_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include <mot/base/arena.h>

struct placement_region {
    const char *name;
    bool cordoned;
    const char *const *zones; /* by name */
    size_t zone_count;
};

struct placement_rule {
    const char *name;
    const char *const *regions; /* by name; none: any */
    size_t region_count;
    bool has_selector;
    const bool *selected; /* with a selector: for each region of the input, whether it matches */
    const char *const *zones; /* none: all */
    size_t zone_count;
    int replicas_per_zone; /* -1: not given, as the next one */
    int replicas;
};

struct placement_input {
    const struct placement_region *regions; /* by name */
    size_t region_count;
    const struct placement_rule *rules;
    size_t rule_count;
    const char *const *existing; /* regions that have a part of this deployment now */
    size_t existing_count;
};

struct placed_zone {
    const char *name;
    int replicas;
};

enum placement_verb {
    PLACE_ENSURE, /* must exist, as computed */
    PLACE_KEEP,   /* stays as it is: the region is cordoned; as computed, otherwise */
    PLACE_REMOVE, /* exists, and no rule selects the region any more */
    PLACE_HOLD,   /* stays as it is: nobody knows the region, and that alone takes nothing away */
};

struct placed_region {
    enum placement_verb verb;
    const char *region;
    size_t rule;               /* index; for PLACE_ENSURE and PLACE_KEEP */
    struct placed_zone *zones; /* by name; for PLACE_ENSURE and PLACE_KEEP */
    size_t zone_count;
};

struct placement_plan {
    struct placed_region *regions; /* by region name */
    size_t count;
    const char *problem; /* "" or what the user should know: a region that does not exist, … */
};

/* The plan lives in @arena and borrows from @in. */
void placement_decide(struct arena *arena, const struct placement_input *in,
                      struct placement_plan *plan);

#endif
