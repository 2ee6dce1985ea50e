/* Aggregation by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <controller/decide/aggregate.h>
#include <mot/base/mem.h>

/* A region that has converged with 2 of 2; what a case changes stands behind it. */
#define REGION(name_, ...)                                                                         \
    {                                                                                              \
        .name = (name_), .wanted = true, .reported = true, .current = true, .state = "Converged",  \
        .message = "", .desired = 2, .running = 2, .ready = 2, .updated = 2, __VA_ARGS__           \
    }

struct condition {
    const char *status, *reason, *message;
};

struct aggregate_case {
    const char *why;
    struct aggregate_region regions[2];
    size_t count;
    bool deleting;
    const char *problem;
    const char *states[2], *messages[2];
    int converged;
    struct condition available, progressing, done;
};

#define ENOUGH                                                                                     \
    {                                                                                              \
        "True", "EnoughReady", "every region has enough ready instances"                           \
    }
#define OF(n, reason_, status_)                                                                    \
    {                                                                                              \
        status_, reason_, n " of 2 regions have converged"                                         \
    }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif

static const struct aggregate_case cases[] = {
    {"all is well",
     {REGION("a", ), REGION("b", )},
     2,
     false,
     "",
     {"Converged", "Converged"},
     {"", ""},
     2,
     ENOUGH,
     OF("2", "Converged", "False"),
     OF("2", "Converged", "True")},
    {"one on its way",
     {REGION("a", ), REGION("b", .state = "Progressing", .message = "z: starting", .ready = 1)},
     2,
     false,
     "",
     {"Converged", "Progressing"},
     {"", "z: starting"},
     1,
     {"False", "TooFewReady", "b: 1 of 2 instances are ready"},
     OF("1", "Converging", "True"),
     {"False", "Converging", "b: z: starting"}},
    {"as many may be away",
     {REGION("a", ), REGION("b", .state = "Progressing", .ready = 1, .max_unavailable = 1)},
     2,
     false,
     "",
     {"Converged", "Progressing"},
     {"", ""},
     1,
     ENOUGH,
     OF("1", "Converging", "True"),
     {"False", "Converging", "b"}},
    {"nobody has answered",
     {REGION("a", .reported = false, .ready = 0), REGION("b", .reported = false, .ready = 0)},
     2,
     false,
     "",
     {"Pending", "Pending"},
     {"the region has not answered yet", "the region has not answered yet"},
     0,
     {"False", "TooFewReady", "a: 0 of 2 instances are ready (and 1 more)"},
     OF("0", "Converging", "True"),
     {"False", "Converging", "a: the region has not answered yet (and 1 more)"}},
    {"the answer is about the generation before",
     {REGION("a", ), REGION("b", .current = false)},
     2,
     false,
     "",
     {"Converged", "Progressing"},
     {"", "the region has not answered the newest launch yet"},
     1,
     ENOUGH,
     OF("1", "Converging", "True"),
     {"False", "Converging", "b: the region has not answered the newest launch yet"}},
    {"even a failure of the generation before",
     {REGION("a", ), REGION("b", .current = false, .state = "Failed")},
     2,
     false,
     "",
     {"Converged", "Progressing"},
     {"", "the region has not answered the newest launch yet"},
     1,
     ENOUGH,
     OF("1", "Converging", "True"),
     {"False", "Converging", "b: the region has not answered the newest launch yet"}},
    {"placement wants something else",
     {REGION("a", .wanted = false), REGION("b", )},
     2,
     false,
     "",
     {"Progressing", "Converged"},
     {"the region has not answered the newest launch yet", ""},
     1,
     ENOUGH,
     OF("1", "Converging", "True"),
     {"False", "Converging", "a: the region has not answered the newest launch yet"}},
    {"cordoned, and not as it should be",
     {REGION("a", .wanted = false, .held = true), REGION("b", )},
     2,
     false,
     "",
     {"Progressing", "Converged"},
     {"the region is cordoned or unknown, and keeps what it has", ""},
     1,
     ENOUGH,
     OF("1", "Converging", "True"),
     {"False", "Converging", "a: the region is cordoned or unknown, and keeps what it has"}},
    {"a word against the numbers",
     {REGION("a", .ready = 1, .max_unavailable = 1), REGION("b", )},
     2,
     false,
     "",
     {"Progressing", "Converged"},
     {"", ""},
     1,
     ENOUGH,
     OF("1", "Converging", "True"),
     {"False", "Converging", "a"}},
    {"gone where it is wanted",
     {REGION("a", .state = "Gone", .ready = 0), REGION("b", )},
     2,
     false,
     "",
     {"Progressing", "Converged"},
     {"", ""},
     1,
     {"False", "TooFewReady", "a: 0 of 2 instances are ready"},
     OF("1", "Converging", "True"),
     {"False", "Converging", "a"}},
    {"one failed, one is not heard of",
     {REGION("a", .stale = true, .heard_at = "2026-11-23T12:57:31Z", .ready = 0),
      REGION("b", .state = "Failed", .message = "no image")},
     2,
     false,
     "",
     {"Unknown", "Failed"},
     {"the region was last heard of at 2026-11-23T12:57:31Z", "no image"},
     0,
     {"Unknown", "RegionUnknown", "a: the region was last heard of at 2026-11-23T12:57:31Z"},
     {"False", "RegionFailed", "b: no image"},
     {"False", "RegionFailed", "b: no image"}},
    {"one is not heard of",
     {REGION("a", .stale = true, .heard_at = "2026-11-23T12:57:31Z"), REGION("b", )},
     2,
     false,
     "",
     {"Unknown", "Converged"},
     {"the region was last heard of at 2026-11-23T12:57:31Z", ""},
     1,
     {"Unknown", "RegionUnknown", "a: the region was last heard of at 2026-11-23T12:57:31Z"},
     OF("1", "Waiting", "False"),
     {"Unknown", "RegionUnknown", "a: the region was last heard of at 2026-11-23T12:57:31Z"}},
    {"a region leaves",
     {REGION("a", .deleting = true, .wanted = false, .desired = 0), REGION("b", )},
     2,
     false,
     "",
     {"Deleting", "Converged"},
     {"", ""},
     1,
     ENOUGH,
     OF("1", "Converging", "True"),
     {"False", "Converging", "a"}},
    {"deleting",
     {REGION("a", .deleting = true, .desired = 0), REGION("b", )},
     2,
     true,
     "",
     {"Deleting", "Converged"},
     {"", ""},
     1,
     ENOUGH,
     {"True", "Deleting", "the deployment is being deleted"},
     {"False", "Deleting", "the deployment is being deleted"}},
    {"a placement that can't be",
     {REGION("a", ), REGION("b", )},
     2,
     false,
     "there is no region x",
     {"Converged", "Converged"},
     {"", ""},
     2,
     ENOUGH,
     {"False", "InvalidPlacement", "there is no region x"},
     {"False", "InvalidPlacement", "there is no region x"}},
    {"nowhere",
     {{0}},
     0,
     false,
     "no placement selects a region",
     {0},
     {0},
     0,
     {"False", "NoRegion", "no placement selects a region"},
     {"False", "InvalidPlacement", "no placement selects a region"},
     {"False", "InvalidPlacement", "no placement selects a region"}},
};
#pragma GCC diagnostic pop

static void expect(const struct aggregate_condition *found, const struct condition *expected)
{
    assert_string_equal(found->status, expected->status);
    assert_string_equal(found->reason, expected->reason);
    assert_string_equal(found->message, expected->message);
}

static void test_aggregate(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        const struct aggregate_case *c = &cases[i];
        const struct aggregate_input in = {c->regions, c->count, c->deleting, c->problem};
        struct aggregate_output out;
        print_message("  %s\n", c->why);
        aggregate_decide(arena, &in, &out);
        for (size_t r = 0; r < c->count; r++) {
            assert_string_equal(out.states[r], c->states[r]);
            assert_string_equal(out.messages[r], c->messages[r]);
        }
        assert_int_equal(out.converged, c->converged);
        expect(&out.available, &c->available);
        expect(&out.progressing, &c->progressing);
        expect(&out.done, &c->done);
        arena_clear(arena);
    }
    arena_free(arena);
}

static void test_sums(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    const struct aggregate_region regions[] = {
        {.name = "a", .state = "", .message = "", .desired = 3, .running = 2, .ready = 1},
        {.name = "b", .state = "", .message = "", .desired = 4, .running = 4, .updated = 2}};
    const struct aggregate_input in = {regions, 2, false, ""};
    struct aggregate_output out;
    aggregate_decide(arena, &in, &out);
    assert_int_equal(out.desired, 7);
    assert_int_equal(out.running, 6);
    assert_int_equal(out.ready, 1);
    assert_int_equal(out.updated, 2);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aggregate),
        cmocka_unit_test(test_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
