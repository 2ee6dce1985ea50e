/* What a region says of a deployment, when a launch has ended, and how far everything converged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <decide/region_state.h>
#include <decide/watermark.h>
#include <mot/base/mem.h>

/* Short for a zone's report; "" as zone: there is none. */
struct said {
    const char *zone;
    enum region_state state;
    int64_t desired_revision, generation;
    const char *error;
    int running, ready; /* instances of the zone */
};

enum wanted { NOTHING, WANTED, DELETING };

struct state_case {
    const char *why;
    enum wanted wanted; /* 2 instances each in zones a and b, revision 40, generation 3 */
    struct said said[3];
    enum region_state state;
    bool gone, nothing;
    int desired, ready;
    const char *message;
};

#define FINE(zone_)                                                                                \
    {                                                                                              \
        zone_, REGION_CONVERGED, 40, 3, "", 2, 2                                                   \
    }

static const struct state_case state_cases[] = {
    {"all is well", WANTED, {FINE("a"), FINE("b")}, REGION_CONVERGED, false, false, 4, 4, ""},
    {"a zone has not reported",
     WANTED,
     {FINE("a")},
     REGION_PROGRESSING,
     false,
     false,
     4,
     2,
     "b: the zone has not reported yet"},
    {"nothing has reported",
     WANTED,
     {{0}},
     REGION_PROGRESSING,
     false,
     false,
     4,
     0,
     "a: the zone has not reported yet"},
    {"unknown beats progressing",
     WANTED,
     {{"a", REGION_PROGRESSING, 40, 3, "", 1, 1}, {"b", REGION_UNKNOWN, 40, 3, "", 2, 0}},
     REGION_UNKNOWN,
     false,
     false,
     4,
     1,
     "b: word of b"},
    {"failed beats unknown",
     WANTED,
     {{"a", REGION_UNKNOWN, 40, 3, "", 1, 0}, {"b", REGION_FAILED, 40, 3, "", 2, 0}},
     REGION_FAILED,
     false,
     false,
     4,
     0,
     "b: word of b"},
    {"a failure of the launch before",
     WANTED,
     {FINE("a"), {"b", REGION_FAILED, 39, 2, "no", 2, 2}},
     REGION_PROGRESSING,
     false,
     false,
     4,
     4,
     "b: the newest launch has not reached the zone yet"},
    {"unknown, whatever the launch",
     WANTED,
     {FINE("a"), {"b", REGION_UNKNOWN, 0, 0, "", 0, 0}},
     REGION_UNKNOWN,
     false,
     false,
     4,
     2,
     "b: word of b"},
    {"the scheduler has another generation",
     WANTED,
     {FINE("a"), {"b", REGION_CONVERGED, 40, 2, "", 2, 2}},
     REGION_PROGRESSING,
     false,
     false,
     4,
     4,
     "b: the newest launch has not reached the scheduler yet"},
    {"instances are not known yet",
     WANTED,
     {FINE("a"), {"b", REGION_CONVERGED, 40, 3, "", 2, 1}},
     REGION_PROGRESSING,
     false,
     false,
     4,
     3,
     "b: the instances' own reports are not all in yet"},
    {"gone where it is wanted",
     WANTED,
     {FINE("a"), {"b", REGION_GONE, 40, 0, "", 0, 0}},
     REGION_PROGRESSING,
     false,
     false,
     4,
     2,
     "b: the newest launch has not reached the scheduler yet"},
    {"a zone that is no longer named stops",
     WANTED,
     {FINE("a"), FINE("b"), {"c", REGION_PROGRESSING, 40, 2, "", 1, 1}},
     REGION_PROGRESSING,
     false,
     false,
     4,
     5,
     "c: word of c"},
    {"deleting: one zone still stops",
     DELETING,
     {{"a", REGION_GONE, 40, 0, "", 0, 0}, {"b", REGION_PROGRESSING, 40, 2, "", 1, 0}},
     REGION_PROGRESSING,
     false,
     false,
     0,
     0,
     "b: word of b"},
    {"deleting: a zone has not reported",
     DELETING,
     {{"a", REGION_GONE, 40, 0, "", 0, 0}},
     REGION_PROGRESSING,
     false,
     false,
     0,
     0,
     "b: the zone has not reported yet"},
    {"deleting: an instance is left",
     DELETING,
     {{"a", REGION_GONE, 40, 0, "", 0, 0}, {"b", REGION_GONE, 40, 0, "", 1, 0}},
     REGION_PROGRESSING,
     false,
     false,
     0,
     0,
     "b: the instances' own reports are not all in yet"},
    {"deleting: gone",
     DELETING,
     {{"a", REGION_GONE, 40, 0, "", 0, 0}, {"b", REGION_GONE, 40, 0, "", 0, 0}},
     REGION_GONE,
     true,
     false,
     0,
     0,
     ""},
    {"gone, but of a deletion before",
     DELETING,
     {{"a", REGION_GONE, 40, 0, "", 0, 0}, {"b", REGION_GONE, 30, 0, "", 0, 0}},
     REGION_PROGRESSING,
     false,
     false,
     0,
     0,
     "b: the newest launch has not reached the zone yet"},
    {"an orphan",
     NOTHING,
     {{"a", REGION_UNKNOWN, 0, 0, "", 1, 1}},
     REGION_UNKNOWN,
     false,
     false,
     0,
     1,
     "a: word of a"},
    {"an orphan never converges",
     NOTHING,
     {{"a", REGION_CONVERGED, 0, 0, "", 1, 1}},
     REGION_PROGRESSING,
     false,
     false,
     0,
     1,
     "a: word of a"},
    {"nothing at all", NOTHING, {{0}}, REGION_GONE, true, true, 0, 0, ""},
};

struct made {
    struct region_input in;
    struct workload workload;
    struct workload_zone zones[2];
    struct zone_report reports[3];
    struct instance_summary instances[16];
};

static void make(struct arena *arena, const struct said *said, enum wanted wanted,
                 struct made *made)
{
    *made = (struct made){.zones = {{"a", 2}, {"b", 2}}};
    made->workload = (struct workload){.uid = "u",
                                       .revision = 40,
                                       .generation = 3,
                                       .deleting = wanted == DELETING,
                                       .template_hash = "h",
                                       .zones = made->zones,
                                       .zone_count = 2};
    made->in = (struct region_input){.desired = wanted == NOTHING ? NULL : &made->workload,
                                     .reports = made->reports,
                                     .instances = made->instances};
    for (size_t i = 0; i < 3 && said[i].zone; i++) {
        made->reports[made->in.report_count++] =
            (struct zone_report){.zone = said[i].zone,
                                 .driver = "local",
                                 .uid = "u",
                                 .desired_revision = said[i].desired_revision,
                                 .generation = said[i].generation,
                                 .state = said[i].state,
                                 .message = said[i].state == REGION_CONVERGED && wanted != NOTHING
                                                ? ""
                                                : arena_printf(arena, "word of %s", said[i].zone),
                                 .error = said[i].error,
                                 .observed_at = arena_printf(arena, "2026-01-0%zu", i + 1)};
        for (int k = 0; k < said[i].running; k++)
            made->instances[made->in.instance_count++] =
                (struct instance_summary){said[i].zone, k ? "h" : "old", true, k < said[i].ready};
    }
}

static void test_states(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(state_cases); i++) {
        const struct state_case *c = &state_cases[i];
        struct made made;
        struct region_summary out;
        print_message("  %s\n", c->why);
        make(arena, c->said, c->wanted, &made);
        region_state_decide(arena, &made.in, &out);
        assert_string_equal(region_state_name(out.state), region_state_name(c->state));
        assert_int_equal(out.gone, c->gone);
        assert_int_equal(out.nothing, c->nothing);
        assert_int_equal(out.desired, c->desired);
        assert_int_equal(out.ready, c->ready);
        assert_string_equal(out.message, c->message);
        for (size_t z = 1; z < out.zone_count; z++)
            assert_true(strcmp(out.zones[z - 1].name, out.zones[z].name) < 0);
    }
    arena_free(arena);
}

static void test_counts(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct made made;
    struct region_summary out;
    const struct said said[3] = {FINE("b"), FINE("a")};
    make(arena, said, WANTED, &made);
    region_state_decide(arena, &made.in, &out);
    assert_int_equal(out.zone_count, 2);
    assert_string_equal(out.zones[0].name, "a");
    assert_int_equal(out.running, 4);
    assert_int_equal(out.updated, 2);
    assert_string_equal(out.observed_at, "2026-01-02");
    arena_free(arena);
}

static void test_names(void **state)
{
    (void)state;
    for (int s = REGION_PROGRESSING; s <= REGION_GONE; s++)
        assert_int_equal(region_state_of(region_state_name((enum region_state)s)), s);
    assert_int_equal(region_state_of("Wonderful"), REGION_UNKNOWN);
    assert_int_equal(region_state_of(NULL), REGION_UNKNOWN);
}

static void test_launches(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        enum wanted wanted;
        struct said said[3];
        enum launch_outcome outcome;
        const char *message;
    } cases[] = {
        {"nothing is desired", NOTHING, {{0}}, LAUNCH_PENDING, ""},
        {"no zone has answered", WANTED, {{0}}, LAUNCH_PENDING, ""},
        {"one has not", WANTED, {FINE("a")}, LAUNCH_PENDING, ""},
        {"all have accepted",
         WANTED,
         {FINE("a"), {"b", REGION_PROGRESSING, 40, 3, "", 0, 0}},
         LAUNCH_COMPLETE,
         ""},
        {"one is behind",
         WANTED,
         {FINE("a"), {"b", REGION_PROGRESSING, 40, 2, "", 0, 0}},
         LAUNCH_PENDING,
         ""},
        {"one refused it",
         WANTED,
         {FINE("a"), {"b", REGION_FAILED, 40, 2, "no", 0, 0}},
         LAUNCH_FAILED,
         "no"},
        {"one refused it, the other has not answered",
         WANTED,
         {{"b", REGION_FAILED, 40, 2, "no", 0, 0}},
         LAUNCH_FAILED,
         "no"},
        {"the one before was refused",
         WANTED,
         {FINE("a"), {"b", REGION_FAILED, 39, 2, "no", 0, 0}},
         LAUNCH_PENDING,
         ""},
        {"the scheduler is away",
         WANTED,
         {FINE("a"), {"b", REGION_PROGRESSING, 40, 2, "away", 0, 0}},
         LAUNCH_PENDING,
         ""},
        {"failed by itself later",
         WANTED,
         {FINE("a"), {"b", REGION_FAILED, 40, 3, "", 0, 0}},
         LAUNCH_COMPLETE,
         ""},
        {"a deletion under way",
         DELETING,
         {{"a", REGION_GONE, 40, 0, "", 0, 0}, {"b", REGION_PROGRESSING, 40, 2, "", 0, 0}},
         LAUNCH_PENDING,
         ""},
        {"a deletion done",
         DELETING,
         {{"a", REGION_GONE, 40, 0, "", 0, 0}, {"b", REGION_GONE, 40, 0, "", 0, 0}},
         LAUNCH_COMPLETE,
         ""},
    };
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct made made;
        const char *message;
        print_message("  %s\n", cases[i].why);
        make(arena, cases[i].said, cases[i].wanted, &made);
        assert_int_equal(launch_decide(&made.in, &message), cases[i].outcome);
        assert_string_equal(message, cases[i].message);
    }
    arena_free(arena);
}

static void test_watermark(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct watermark_entry entries[3];
        size_t count;
        int64_t read, converged;
        int deployments, instances;
    } cases[] = {
        {"nothing is desired", {{0}}, 0, 57, 57, 0, 0},
        {"all converged",
         {{41, 3, true, false, 41, 3, true, 4}, {50, 1, true, false, 50, 1, true, 2}},
         2,
         57,
         57,
         2,
         6},
        {"one is not",
         {{41, 3, true, false, 41, 3, false, 4}, {50, 1, true, false, 50, 1, true, 2}},
         2,
         57,
         40,
         2,
         6},
        {"its state is about the former generation",
         {{41, 3, true, false, 41, 2, true, 4}},
         1,
         57,
         40,
         1,
         4},
        {"its state is about an object that had the name before",
         {{41, 3, true, false, 30, 3, true, 4}},
         1,
         57,
         40,
         1,
         4},
        {"the oldest of two counts",
         {{50, 1, true, false, 50, 0, false, 0}, {41, 3, true, false, 41, 0, false, 0}},
         2,
         57,
         40,
         2,
         0},
        {"a deletion done", {{41, 3, true, true, 41, 3, true, 0}}, 1, 57, 57, 1, 0},
        {"an orphan holds nothing up", {{0, 0, false, false, 0, 0, false, 3}}, 1, 57, 57, 0, 3},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        const struct watermark_entry *entries[3] = {&cases[i].entries[0], &cases[i].entries[1],
                                                    &cases[i].entries[2]};
        print_message("  %s\n", cases[i].why);
        struct watermark mark = watermark_decide(entries, cases[i].count, cases[i].read);
        assert_int_equal(mark.converged, cases[i].converged);
        assert_int_equal(mark.deployments, cases[i].deployments);
        assert_int_equal(mark.instances, cases[i].instances);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),    cmocka_unit_test(test_counts),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_launches),
        cmocka_unit_test(test_watermark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
