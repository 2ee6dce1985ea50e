/* Placement by table: a world of three regions, a few rules, and the plan as a line of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <controller/decide/placement.h>
#include <mot/base/buf.h>
#include <mot/base/mem.h>

static const char *const zones_of_p[] = {"p-a", "p-b", "p-c"};
static const char *const zones_of_s[] = {"s-a", "s-b"};
static const char *const zones_of_t[] = {"t-a"};

#define ANY NULL

/* A rule in short. Names are separated by spaces; @selected has a letter per region: p, s, t. */
struct rule {
    const char *regions;  /* ANY: any */
    const char *selected; /* ANY: no selector */
    const char *zones;    /* ANY: all */
    int per_zone, replicas;
};

struct placement_case {
    const char *why;
    struct rule rules[3];
    size_t rule_count;
    const char *existing;
    const char *cordoned; /* letters */
    const char *plan;     /* "+p:0 p-a=1 p-b=1 | ~s | -t": verb, region, rule, zones; = is held */
    const char *problem;
};

static const struct placement_case cases[] = {
    {"by name", {{"p", ANY, ANY, 2, -1}}, 1, "", "", "+p:0 p-a=2 p-b=2 p-c=2", ""},
    {"by selector", {{ANY, "st", ANY, 1, -1}}, 1, "", "", "+s:0 s-a=1 s-b=1 | +t:0 t-a=1", ""},
    {"both must hold", {{"p s", "st", ANY, 1, -1}}, 1, "", "", "+s:0 s-a=1 s-b=1", ""},
    {"any region",
     {{ANY, ANY, "s-b t-a p-c", 1, -1}},
     1,
     "",
     "",
     "+p:0 p-c=1 | +s:0 s-b=1 | +t:0 t-a=1",
     ""},
    {"the first rule wins",
     {{"s", ANY, ANY, 3, -1}, {ANY, "ps", ANY, 1, -1}},
     2,
     "",
     "",
     "+p:1 p-a=1 p-b=1 p-c=1 | +s:0 s-a=3 s-b=3",
     ""},
    {"one per zone when nothing is said", {{"t", ANY, ANY, -1, -1}}, 1, "", "", "+t:0 t-a=1", ""},
    {"spread, the rest to the first",
     {{"p", ANY, ANY, -1, 5}},
     1,
     "",
     "",
     "+p:0 p-a=2 p-b=2 p-c=1",
     ""},
    {"fewer than zones", {{"p", ANY, ANY, -1, 1}}, 1, "", "", "+p:0 p-a=1 p-b=0 p-c=0", ""},
    {"none", {{"p", ANY, ANY, -1, 0}}, 1, "", "", "+p:0 p-a=0 p-b=0 p-c=0", ""},
    {"per zone goes before replicas", {{"s", ANY, ANY, 1, 7}}, 1, "", "", "+s:0 s-a=1 s-b=1", ""},
    {"spread over some zones", {{"p", ANY, "p-c p-a", -1, 3}}, 1, "", "", "+p:0 p-a=2 p-c=1", ""},
    {"none of its zones",
     {{"p s", ANY, "s-a", -1, 4}},
     1,
     "",
     "",
     "+p:0 | +s:0 s-a=4",
     "placement r0: region p has none of its zones"},
    {"no region of its own",
     {{ANY, "", ANY, 1, -1}},
     1,
     "",
     "",
     "",
     "no placement selects a region"},
    {"no rule", {{0}}, 0, "s", "", "-s", "no placement selects a region"},
    {"a region nobody knows",
     {{"s x", ANY, ANY, 1, -1}},
     1,
     "",
     "",
     "+s:0 s-a=1 s-b=1",
     "placement r0: there is no region x"},
    {"what exists stays itself", {{"s", ANY, ANY, 1, -1}}, 1, "s", "", "+s:0 s-a=1 s-b=1", ""},
    {"no longer selected",
     {{"s", ANY, ANY, 1, -1}},
     1,
     "p t",
     "",
     "-p | +s:0 s-a=1 s-b=1 | -t",
     ""},
    {"not in the topology any more",
     {{"s", ANY, ANY, 1, -1}},
     1,
     "a s",
     "",
     "=a | +s:0 s-a=1 s-b=1",
     "region a is not known, what it has stays"},
    {"cordoned: nothing new", {{"p s", ANY, ANY, 1, -1}}, 1, "", "p", "+s:0 s-a=1 s-b=1", ""},
    {"cordoned: what is there stays",
     {{"p s", ANY, ANY, 1, -1}},
     1,
     "p",
     "p",
     "~p p-a=1 p-b=1 p-c=1 | +s:0 s-a=1 s-b=1",
     ""},
    {"cordoned and alone",
     {{"p", ANY, ANY, 1, -1}},
     1,
     "",
     "p",
     "",
     "no placement selects a region"},
    {"cordoned, alone, and there",
     {{"p", ANY, ANY, 1, -1}},
     1,
     "p",
     "p",
     "~p p-a=1 p-b=1 p-c=1",
     ""},
    {"cordoned and no longer selected",
     {{"s", ANY, ANY, 1, -1}},
     1,
     "p",
     "p",
     "-p | +s:0 s-a=1 s-b=1",
     ""},
};

static const char *const *words(struct arena *arena, const char *text, size_t *ret_count)
{
    const char **list = arena_array(arena, 8, sizeof(*list));
    *ret_count = 0;
    while (text && *text) {
        size_t len = strcspn(text, " ");
        list[(*ret_count)++] = arena_strndup(arena, text, len);
        text += len;
        text += *text == ' ';
    }
    return list;
}

static struct placement_rule rule_of(struct arena *arena, const struct rule *rule, size_t i)
{
    bool *selected = arena_array(arena, 3, sizeof(*selected));
    for (size_t r = 0; rule->selected && r < 3; r++)
        selected[r] = strchr(rule->selected, "pst"[r]) != NULL;
    struct placement_rule made = {.name = arena_printf(arena, "r%zu", i),
                                  .has_selector = rule->selected != NULL,
                                  .selected = selected,
                                  .replicas_per_zone = rule->per_zone,
                                  .replicas = rule->replicas};
    made.regions = words(arena, rule->regions, &made.region_count);
    made.zones = words(arena, rule->zones, &made.zone_count);
    return made;
}

static void write_plan(struct buf *out, const struct placement_plan *plan)
{
    buf_adds(out, "");
    for (size_t i = 0; i < plan->count; i++) {
        const struct placed_region *placed = &plan->regions[i];
        buf_adds(out, i ? " | " : "");
        buf_addc(out, "+~-="[placed->verb]);
        buf_adds(out, placed->region);
        if (placed->verb == PLACE_ENSURE)
            buf_addf(out, ":%zu", placed->rule);
        for (size_t z = 0; z < placed->zone_count; z++)
            buf_addf(out, " %s=%d", placed->zones[z].name, placed->zones[z].replicas);
    }
}

static void test_placement(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        const struct placement_case *c = &cases[i];
        struct placement_region regions[] = {
            {"p", false, zones_of_p, 3}, {"s", false, zones_of_s, 2}, {"t", false, zones_of_t, 1}};
        struct placement_rule rules[3];
        for (size_t r = 0; r < 3; r++) {
            regions[r].cordoned = strchr(c->cordoned, regions[r].name[0]) != NULL;
            rules[r] = rule_of(arena, &c->rules[r], r);
        }
        struct placement_input in = {
            .regions = regions, .region_count = 3, .rules = rules, .rule_count = c->rule_count};
        in.existing = words(arena, c->existing, &in.existing_count);
        struct placement_plan plan;
        struct buf text;
        print_message("  %s\n", c->why);
        buf_init(&text, 4096);
        placement_decide(arena, &in, &plan);
        write_plan(&text, &plan);
        assert_string_equal(text.data, c->plan);
        assert_string_equal(plan.problem, c->problem);
        buf_release(&text);
        arena_clear(arena);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_placement)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
