/* Laws of placement over any topology and rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <controller/decide/placement.h>
#include <lib/tape.h>
#include <mot/base/mem.h>

#define REGIONS 5
#define RULES   4
#define ZONES   4

static const char *const names[REGIONS] = {"a", "b", "c", "d", "e"};
static const char *const zones[ZONES] = {"z1", "z2", "z3", "z4"};

struct world {
    struct placement_region regions[REGIONS];
    struct placement_rule rules[RULES];
    const char *existing[REGIONS], *listed[RULES][REGIONS], *filter[RULES][ZONES];
    bool selected[RULES][REGIONS];
    struct placement_input in;
};

static void make_rule(struct world *world, struct tape *tape, size_t r)
{
    struct placement_rule *rule = &world->rules[r];
    *rule = (struct placement_rule){.name = "rule",
                                    .regions = world->listed[r],
                                    .selected = world->selected[r],
                                    .has_selector = tape_bool(tape),
                                    .zones = world->filter[r],
                                    .replicas_per_zone = (int)tape_below(tape, 4) - 1,
                                    .replicas = (int)tape_below(tape, 12) - 1};
    for (size_t i = 0; i < REGIONS; i++) {
        world->selected[r][i] = tape_bool(tape);
        if (tape_below(tape, 4) == 1)
            world->listed[r][rule->region_count++] = names[i];
    }
    for (size_t z = 0; z < ZONES; z++) {
        if (tape_below(tape, 4) == 1)
            world->filter[r][rule->zone_count++] = zones[z];
    }
}

static void make_world(struct world *world, struct tape *tape)
{
    *world = (struct world){
        .in = {.regions = world->regions, .rules = world->rules, .existing = world->existing}};
    world->in.region_count = tape_below(tape, REGIONS + 1);
    world->in.rule_count = tape_below(tape, RULES + 1);
    for (size_t i = 0; i < REGIONS; i++) {
        world->regions[i] = (struct placement_region){.name = names[i],
                                                      .cordoned = tape_below(tape, 5) == 1,
                                                      .zones = zones,
                                                      .zone_count = tape_below(tape, ZONES + 1)};
        if (tape_below(tape, 3) == 1)
            world->existing[world->in.existing_count++] = names[i];
    }
    for (size_t r = 0; r < world->in.rule_count; r++)
        make_rule(world, tape, r);
}

static int broken(const char *law, const char *region)
{
    fprintf(stderr, "%s (%s)\n", law, region);
    return -1;
}

static bool existed(const struct world *world, const char *region)
{
    for (size_t i = 0; i < world->in.existing_count; i++) {
        if (strcmp(world->existing[i], region) == 0)
            return true;
    }
    return false;
}

static int check_replicas(const struct world *world, const struct placed_region *placed)
{
    const struct placement_rule *rule = &world->rules[placed->rule];
    int sum = 0, most = 0, least = 1 << 20;
    for (size_t z = 0; z < placed->zone_count; z++) {
        int replicas = placed->zones[z].replicas;
        sum += replicas;
        most = replicas > most ? replicas : most;
        least = replicas < least ? replicas : least;
    }
    int count = (int)placed->zone_count;
    int wanted = rule->replicas_per_zone >= 0 ? rule->replicas_per_zone * count
                 : rule->replicas >= 0        ? rule->replicas
                                              : count;
    if (count > 0 && (sum != wanted || most - least > 1))
        return broken("the replicas are not spread evenly", placed->region);
    return 0;
}

static int check_plan(const struct world *world, const struct placement_plan *plan)
{
    size_t covered = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct placed_region *placed = &plan->regions[i];
        bool there = existed(world, placed->region);
        covered += there;
        if (i > 0 && strcmp(plan->regions[i - 1].region, placed->region) >= 0)
            return broken("not in order, or twice", placed->region);
        if (placed->verb != PLACE_ENSURE && !there)
            return broken("kept or removed without being there", placed->region);
        if (placed->verb == PLACE_ENSURE && check_replicas(world, placed))
            return -1;
    }
    return covered == world->in.existing_count ? 0 : broken("something is forgotten", "");
}

static const struct placed_region *find(const struct placement_plan *plan, const char *region)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->regions[i].region, region) == 0)
            return &plan->regions[i];
    }
    return NULL;
}

static bool same(const struct placed_region *a, const struct placed_region *b)
{
    if (!a || !b)
        return a == b;
    if (a->verb != b->verb || a->rule != b->rule || a->zone_count != b->zone_count)
        return false;
    for (size_t z = 0; z < a->zone_count; z++) {
        if (a->zones[z].replicas != b->zones[z].replicas ||
            strcmp(a->zones[z].name, b->zones[z].name) != 0)
            return false;
    }
    return true;
}

/* What a region gets depends on no other region: each is placed as if it were alone. */
static int check_alone(struct arena *arena, const struct world *world,
                       const struct placement_plan *plan)
{
    for (size_t i = 0; i < world->in.region_count; i++) {
        struct placement_rule rules[RULES];
        const char *there = world->regions[i].name;
        struct placement_input in = {.regions = &world->regions[i],
                                     .region_count = 1,
                                     .rules = rules,
                                     .rule_count = world->in.rule_count,
                                     .existing = &there,
                                     .existing_count = existed(world, there)};
        for (size_t r = 0; r < in.rule_count; r++) {
            rules[r] = world->rules[r];
            rules[r].selected = &world->selected[r][i];
        }
        struct placement_plan alone;
        placement_decide(arena, &in, &alone);
        if (!same(find(plan, there), find(&alone, there)))
            return broken("other regions make a difference", there);
    }
    return 0;
}

static int placement_keeps_its_laws(struct tape *tape)
{
    struct world world;
    struct placement_plan plan;
    struct arena *arena = arena_new(1 << 20);
    make_world(&world, tape);
    placement_decide(arena, &world.in, &plan);
    int rc = check_plan(&world, &plan);
    if (rc == 0)
        rc = check_alone(arena, &world, &plan);
    arena_free(arena);
    return rc;
}

static void properties_hold(void **state)
{
    (void)state;
    assert_int_equal(tape_run("placement keeps its laws", placement_keeps_its_laws, 3000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(properties_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
