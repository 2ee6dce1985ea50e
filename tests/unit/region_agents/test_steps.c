/* The launch agent, the two instance agents, and the table of a region's agents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests.h"

static void test_launch(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        const char *input; /* NULL: none */
        int64_t revision;
        const char *previous; /* NULL: none */
        int64_t previous_revision;
        const char *output; /* NULL: none */
        bool fails;
    } cases[] = {
        {"a first launch", "{\"a\":1}", 5, NULL, 0, "{\"a\":1}", false},
        {"a newer one", "{\"a\":2}", 6, "{\"a\":1}", 5, "{\"a\":2}", false},
        {"the same again", "{\"a\":1}", 5, "{\"a\":1}", 5, "{\"a\":1}", false},
        {"a tombstone", NULL, 0, "{\"a\":1}", 5, NULL, false},
        {"no JSON", "{", 6, "{\"a\":1}", 5, NULL, true},
        {"no object", "[1]", 6, NULL, 0, NULL, true},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        print_message("  %s\n", cases[i].why);
        const struct agent_input input =
            INPUT(TOPIC_LAUNCH, "ns/app", cases[i].input ? cases[i].input : "", cases[i].revision);
        const struct agent_output previous = OUTPUT(
            "ns/app", cases[i].previous ? cases[i].previous : "", cases[i].previous_revision);
        struct result result = run_step(launch_step, "ns/app", &input, cases[i].input != NULL,
                                        &previous, cases[i].previous != NULL);
        assert_int_equal(result.rc, cases[i].fails ? -1 : 0);
        assert_int_equal(result.count, cases[i].output != NULL);
        if (cases[i].output) {
            assert_string_equal(result.outputs[0].key, "ns/app");
            assert_string_equal(result.outputs[0].value, cases[i].output);
        }
    }
}

static void test_marker_is_copied(void **state)
{
    (void)state;
    const struct agent_input input = INPUT(TOPIC_LAUNCH, MARKER_KEY, "{\"revision\":9}", 9);
    struct result result = run_step(launch_step, MARKER_KEY, &input, 1, NULL, 0);
    assert_int_equal(result.count, 1);
    assert_string_equal(result.outputs[0].key, MARKER_KEY);
    assert_string_equal(result.outputs[0].value, "{\"revision\":9}");
    assert_int_equal(result.outputs[0].revision, 9);
}

static void test_split(void **state)
{
    (void)state;
    const struct agent_input input = INPUT(
        "mot-local-state", "z1/ns/app",
        "{\"instances\":[{\"namespace\":\"ns\",\"name\":\"i2\",\"deployment\":\"app\",\"zone\":"
        "\"z1\"},{\"namespace\":\"ns\",\"name\":\"i1\"},{\"name\":\"nowhere\"}]}",
        4);
    struct result result = run_step(instance_split_step, "z1/ns/app", &input, 1, NULL, 0);
    assert_int_equal(result.rc, 0);
    assert_int_equal(result.count, 2);
    assert_string_equal(result.outputs[0].key, "ns/i1");
    assert_string_equal(result.outputs[1].key, "ns/i2");
    assert_int_equal(result.outputs[1].revision, 4);

    struct arena *arena = arena_new(1 << 16);
    assert_string_equal(instance_split_output_group(arena, "ns/i2", result.outputs[1].value,
                                                    result.outputs[1].value_len),
                        "z1/ns/app");
    assert_null(instance_split_output_group(arena, "ns/i1", result.outputs[0].value,
                                            result.outputs[0].value_len));
    assert_null(instance_split_output_group(arena, "x", "{", 1));
    arena_free(arena);

    assert_int_equal(run_step(instance_split_step, "z1/ns/app", &input, 0, NULL, 0).count, 0);
    const struct agent_input bad = INPUT("mot-local-state", "z1/ns/app", "{", 4);
    assert_int_equal(run_step(instance_split_step, "z1/ns/app", &bad, 1, NULL, 0).rc, -1);
    const struct agent_input unseen = INPUT("mot-local-state", "z1/ns/app", "{\"a\":1}", 4);
    assert_int_equal(run_step(instance_split_step, "z1/ns/app", &unseen, 1, NULL, 0).count, 0);
}

/* A zone that was never seen since its worker started says nothing of instances: they are not gone.
 */
static void test_split_keeps_the_unseen(void **state)
{
    (void)state;
    const struct agent_input unseen = INPUT("mot-local-state", "z1/ns/app",
                                            "{\"state\":\"Unknown\",\"message\":\"it hangs\"}", 5);
    const struct agent_output held[] = {
        OUTPUT("ns/i1", "{\"name\":\"i1\",\"phase\":\"Running\",\"ready\":true}", 4)};
    struct result result = run_step(instance_split_step, "z1/ns/app", &unseen, 1, held, 1);
    assert_int_equal(result.count, 1);
    json_t *instance = only_json(&result);
    assert_string_equal(json_string_value(json_object_get(instance, "phase")), "Unknown");
    assert_true(json_is_false(json_object_get(instance, "ready")));
    assert_string_equal(json_string_value(json_object_get(instance, "message")), "it hangs");
    json_decref(instance);

    const struct agent_input none = INPUT("mot-local-state", "z1/ns/app", "{\"instances\":[]}", 5);
    assert_int_equal(run_step(instance_split_step, "z1/ns/app", &none, 1, held, 1).count, 0);
}

static void test_join(void **state)
{
    (void)state;
    const struct agent_input inputs[] = {
        INPUT("mot-instance-local-state", "ns/i", "\"old\"", 1),
        INPUT("mot-instance-mesos-state", "ns/i", "\"new\"", 3),
        INPUT("mot-instance-nomad-state", "ns/i", "\"middle\"", 2),
    };
    struct result result = run_step(instance_join_step, "ns/i", inputs, 3, NULL, 0);
    assert_int_equal(result.count, 1);
    assert_string_equal(result.outputs[0].value, "\"new\"");
    assert_int_equal(run_step(instance_join_step, "ns/i", inputs, 0, NULL, 0).count, 0);
}

static void test_groups(void **state)
{
    (void)state;
    static const char instance[] = "{\"namespace\":\"ns\",\"deployment\":\"app\"}";
    static const struct {
        const char *topic, *key, *value, *group;
    } cases[] = {
        {TOPIC_DESIRED, "ns/app", "{}", "ns/app"},
        {TOPIC_DESIRED, "ns/app", NULL, "ns/app"},
        {TOPIC_DESIRED, MARKER_KEY, "{}", NULL},
        {"mot-local-state", "z/ns/app", "{}", "ns/app"},
        {"mot-local-state", "z/ns/app", NULL, "ns/app"},
        {"mot-local-state", "broken", "{}", NULL},
        {TOPIC_INSTANCE_STATE, "ns/i", instance, "ns/app"},
        {TOPIC_INSTANCE_STATE, "ns/i", "{\"namespace\":\"ns\"}", NULL},
        {TOPIC_INSTANCE_STATE, "ns/i", "[", NULL},
        {TOPIC_INSTANCE_STATE, "ns/i", NULL, NULL},
    };
    struct arena *arena = arena_new(1 << 16);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        const char *value = cases[i].value;
        const char *group =
            deployment_group(arena, cases[i].topic, cases[i].key, value, value ? strlen(value) : 0);
        if (cases[i].group)
            assert_string_equal(group, cases[i].group);
        else
            assert_null(group);
    }
    arena_free(arena);
}

static void test_the_table(void **state)
{
    (void)state;
    struct topology_zone zones[] = {{.name = "a", .driver = "local"},
                                    {.name = "b", .driver = "nomad"},
                                    {.name = "c", .driver = "local"}};
    const struct topology_region region = {.name = "r", .zones = zones, .zone_count = 3};
    struct region_agents *agents = region_agents_new(&region);
    static const struct {
        const char *name, *sink, *sources[5];
    } expected[] = {
        {"local-instance", "mot-instance-local-state", {"mot-local-state"}},
        {"nomad-instance", "mot-instance-nomad-state", {"mot-nomad-state"}},
        {"instance-state",
         TOPIC_INSTANCE_STATE,
         {"mot-instance-local-state", "mot-instance-nomad-state"}},
        {"deployment-state",
         TOPIC_DEPLOYMENT_STATE,
         {"mot-local-state", "mot-nomad-state", TOPIC_DESIRED, TOPIC_INSTANCE_STATE}},
        {"launch-complete", TOPIC_COMPLETE, {"mot-local-state", "mot-nomad-state", TOPIC_DESIRED}},
    };
    assert_int_equal(agents->count, MOT_ARRAY_SIZE(expected));
    for (size_t i = 0; i < agents->count; i++) {
        assert_string_equal(agents->items[i]->name, expected[i].name);
        assert_string_equal(agents->items[i]->sink, expected[i].sink);
        size_t s = 0;
        for (; expected[i].sources[s]; s++)
            assert_string_equal(agents->items[i]->sources[s], expected[i].sources[s]);
        assert_null(agents->items[i]->sources[s]);
    }
    region_agents_free(agents);
}

int run_steps(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_launch),    cmocka_unit_test(test_marker_is_copied),
        cmocka_unit_test(test_split),     cmocka_unit_test(test_split_keeps_the_unseen),
        cmocka_unit_test(test_join),      cmocka_unit_test(test_groups),
        cmocka_unit_test(test_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
