/* The state of a deployment and the outcome of a launch, from records to records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mot/model/json.h>

#include "tests.h"

#define DESIRED                                                                                    \
    "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"app-r\",\"uid\":\"u1\",\"resourceVersion\":"   \
    "\"41\",\"generation\":3},\"spec\":{\"deployment\":\"app\",\"region\":\"r\",\"zones\":[{"      \
    "\"name\":\"z1\",\"replicas\":1}],\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\","    \
    "\"image\":\"i\"}]}}}}"
#define REPORT(state, error)                                                                       \
    "{\"zone\":\"z1\",\"driver\":\"local\",\"namespace\":\"ns\",\"name\":\"app\",\"uid\":\"u1\","  \
    "\"desiredRevision\":41,\"revision\":41,\"generation\":3,\"replicas\":1,\"state\":\"" state    \
    "\",\"message\":\"\",\"error\":\"" error "\",\"observedAt\":\"2026-01-01T00:00:00.000Z\"}"
#define INSTANCE                                                                                   \
    "{\"namespace\":\"ns\",\"name\":\"i1\",\"deployment\":\"app\",\"region\":\"r\",\"zone\":"      \
    "\"z1\",\"templateHash\":\"h\",\"phase\":\"Running\",\"ready\":true}"

static void expect_text(const json_t *value, const char *path, const char *text)
{
    const char *found = json_at_text(value, path);
    assert_non_null(found);
    assert_string_equal(found, text);
}

static void test_state(void **state)
{
    (void)state;
    const struct agent_input inputs[] = {
        INPUT("mot-local-state", "z1/ns/app", REPORT("Converged", ""), 41),
        INPUT(TOPIC_DESIRED, "ns/app", DESIRED, 41),
        INPUT(TOPIC_INSTANCE_STATE, "ns/i1", INSTANCE, 41),
    };
    struct result result = run_step(deployment_state_step, "ns/app", inputs, 3, NULL, 0);
    json_t *value = only_json(&result);
    assert_string_equal(result.outputs[0].key, "ns/app");
    assert_int_equal(result.outputs[0].revision, 41);
    expect_text(value, "namespace", "ns");
    expect_text(value, "name", "app");
    expect_text(value, "uid", "u1");
    expect_text(value, "region", "r");
    expect_text(value, "state", "Converged");
    expect_text(value, "observedAt", "2026-01-01T00:00:00.000Z");
    assert_int_equal(json_at_int(value, "revision", 0), 41);
    assert_int_equal(json_at_int(value, "generation", 0), 3);
    assert_int_equal(json_at_int(value, "desired", 0), 1);
    assert_int_equal(json_at_int(value, "running", 0), 1);
    assert_int_equal(json_at_int(value, "ready", 0), 1);
    assert_false(json_at_bool(value, "gone", true));
    const json_t *zone = json_array_get(json_object_get(value, "zones"), 0);
    expect_text(zone, "name", "z1");
    expect_text(zone, "driver", "local");
    json_decref(value);
}

/* Counts are those of one moment: the record of an instance that has just become ready may still be
 * on its way. */
static void test_counts_are_of_one_moment(void **state)
{
    (void)state;
    const struct agent_input inputs[] = {
        INPUT("mot-local-state", "z1/ns/app",
              "{\"zone\":\"z1\",\"driver\":\"local\",\"uid\":\"u1\",\"state\":\"Progressing\","
              "\"instances\":["
              "{\"zone\":\"z1\",\"phase\":\"Running\",\"ready\":true},"
              "{\"zone\":\"z1\",\"phase\":\"Stopping\",\"ready\":false}]}",
              41),
        INPUT(TOPIC_DESIRED, "ns/app", DESIRED, 41),
    };
    struct result result = run_step(deployment_state_step, "ns/app", inputs, 2, NULL, 0);
    json_t *value = only_json(&result);
    assert_int_equal(json_at_int(value, "running", 0), 2);
    assert_int_equal(json_at_int(value, "ready", 0), 1);
    expect_text(value, "state", "Progressing");
    json_decref(value);
}

/* Nobody asked for it, but it runs: the region's name comes from the instance. */
static void test_orphan(void **state)
{
    (void)state;
    const struct agent_input inputs[] = {
        INPUT("mot-local-state", "z1/ns/app", REPORT("Unknown", ""), 41),
        INPUT(TOPIC_INSTANCE_STATE, "ns/i1", INSTANCE, 41),
    };
    struct result result = run_step(deployment_state_step, "ns/app", inputs, 2, NULL, 0);
    json_t *value = only_json(&result);
    expect_text(value, "state", "Unknown");
    expect_text(value, "region", "r");
    expect_text(value, "uid", "u1");
    assert_int_equal(json_at_int(value, "revision", -1), 0);
    json_decref(value);
    assert_int_equal(run_step(deployment_state_step, "ns/app", inputs, 0, NULL, 0).count, 0);
}

static void test_bad_records(void **state)
{
    (void)state;
    const struct agent_input inputs[] = {
        INPUT("mot-local-state", "z1/ns/app", "{", 1),
        INPUT(TOPIC_DESIRED, "ns/app", "{}", 1),
    };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(run_step(deployment_state_step, "ns/app", &inputs[i], 1, NULL, 0).rc, -1);
        assert_int_equal(run_step(launch_complete_step, "ns/app", &inputs[i], 1, NULL, 0).rc, -1);
    }
    const struct agent_input odd = INPUT("mot-local-state", "z1/ns/app", "[1]", 1);
    assert_int_equal(run_step(deployment_state_step, "ns/app", &odd, 1, NULL, 0).rc, 0);
}

static struct result complete(const char *report, int64_t at, const struct agent_output *previous)
{
    const struct agent_input inputs[] = {
        INPUT("mot-local-state", "z1/ns/app", report, at),
        INPUT(TOPIC_DESIRED, "ns/app", DESIRED, 41),
    };
    return run_step(launch_complete_step, "ns/app", inputs, 2, previous, previous != NULL);
}

static void test_outcomes(void **state)
{
    (void)state;
    static const struct {
        const char *report, *outcome; /* NULL: none yet */
        const char *message;
    } cases[] = {
        {REPORT("Progressing", ""), "Complete", ""},
        {REPORT("Converged", ""), "Complete", ""},
        {REPORT("Failed", "no such image"), "Failed", "no such image"},
        {REPORT("Failed", ""), "Complete", ""},
        {"{\"zone\":\"z1\",\"uid\":\"u1\",\"desiredRevision\":41,\"generation\":2,\"state\":"
         "\"Progressing\",\"error\":\"away\"}",
         NULL, NULL},
        {"{\"zone\":\"z1\",\"uid\":\"u1\",\"desiredRevision\":40,\"generation\":2,\"state\":"
         "\"Failed\",\"error\":\"the former one\"}",
         NULL, NULL},
        {"{\"zone\":\"z1\",\"uid\":\"u0\",\"desiredRevision\":41,\"generation\":3,\"state\":"
         "\"Progressing\"}",
         NULL, NULL},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct result result = complete(cases[i].report, 50, NULL);
        if (!cases[i].outcome) {
            assert_int_equal(result.count, 0);
            continue;
        }
        json_t *value = only_json(&result);
        expect_text(value, "outcome", cases[i].outcome);
        expect_text(value, "message", cases[i].message);
        expect_text(value, "completedAt", "1970-01-01T00:00:50Z");
        json_decref(value);
    }
}

/* Later reports, and a restart, say the same; so does the time until the next launch has ended. */
static void test_an_outcome_stays(void **state)
{
    (void)state;
    char first[512];
    struct result result = complete(REPORT("Converged", ""), 50, NULL);
    assert_true(result.outputs[0].value_len < sizeof(first));
    memcpy(first, result.outputs[0].value, result.outputs[0].value_len + 1);
    const struct agent_output held = OUTPUT("ns/app", first, 41);

    result = complete(REPORT("Progressing", ""), 99, &held);
    assert_int_equal(result.count, 1);
    assert_string_equal(result.outputs[0].value, first);
    result = complete("{\"zone\":\"z1\",\"desiredRevision\":41}", 99, &held);
    assert_string_equal(result.outputs[0].value, first);
    result = complete(REPORT("Failed", "no"), 99, &held);
    assert_string_not_equal(result.outputs[0].value, first);
    const struct agent_output broken = OUTPUT("ns/app", "{", 41);
    result = complete(REPORT("Converged", ""), 50, &broken);
    assert_string_equal(result.outputs[0].value, first);
}

int run_deployment(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state),    cmocka_unit_test(test_counts_are_of_one_moment),
        cmocka_unit_test(test_orphan),   cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_outcomes), cmocka_unit_test(test_an_outcome_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
