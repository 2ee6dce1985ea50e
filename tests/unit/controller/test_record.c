/* What archived records make of objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <controller/archive/record.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#define NOW INT64_C(1795439851000)

static json_t *parse(const char *text)
{
    struct err err = {0};
    json_t *value = json_parse(text, strlen(text), true, &err);
    if (!value)
        fail_msg("%s: %s", text, err.message);
    return value;
}

static void test_order(void **state)
{
    (void)state;
    assert_true(record_newer((struct record_order){2, 1}, (struct record_order){1, 9}));
    assert_true(record_newer((struct record_order){1, 2}, (struct record_order){1, 1}));
    assert_false(record_newer((struct record_order){1, 1}, (struct record_order){1, 1}));
    assert_false(record_newer((struct record_order){1, 9}, (struct record_order){2, 1}));
}

static void test_state(void **state)
{
    (void)state;
    json_t *object = parse("{\"metadata\":{\"uid\":\"u1\"},\"spec\":{}}");
    json_t *record =
        parse("{\"uid\":\"u1\",\"generation\":3,\"revision\":41,\"state\":\"Converged\","
              "\"gone\":false,\"desired\":2,\"running\":2,\"ready\":2,\"updated\":2,"
              "\"message\":\"\",\"zones\":[],\"observedAt\":\"x\",\"other\":1}");
    assert_true(record_apply_state(object, record));
    assert_int_equal(json_at_int(object, "status.observedGeneration", 0), 3);
    assert_int_equal(json_at_int(object, "status.ready", 0), 2);
    assert_null(json_at(object, "status.other"));
    assert_null(json_at(object, "status.uid"));
    json_object_del(record, "observedAt");
    assert_true(record_apply_state(object, record));
    assert_null(json_at(object, "status.observedAt"));
    json_decref(record);
    json_decref(object);
}

static void test_other_incarnation(void **state)
{
    (void)state;
    json_t *object = parse("{\"metadata\":{\"uid\":\"u2\"},\"status\":{\"state\":\"Pending\"}}");
    json_t *before = json_deep_copy(object);
    static const char *const records[] = {
        "{\"uid\":\"u1\",\"generation\":9,\"state\":\"Gone\",\"gone\":true}",
        "{\"generation\":9,\"state\":\"Gone\",\"gone\":true}", "{\"uid\":7}", "[]", "null"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(records); i++) {
        json_t *record = parse(records[i]);
        assert_false(record_apply_state(object, record));
        assert_false(record_apply_complete(object, record));
        assert_true(json_equal(object, before));
        json_decref(record);
    }
    json_decref(before);
    json_decref(object);
}

static void test_complete(void **state)
{
    (void)state;
    json_t *object = parse("{\"metadata\":{\"uid\":\"u1\"},\"status\":null}");
    json_t *record =
        parse("{\"uid\":\"u1\",\"generation\":3,\"revision\":41,\"outcome\":\"Failed\","
              "\"message\":\"no image\",\"completedAt\":\"y\"}");
    assert_true(record_apply_complete(object, record));
    assert_string_equal(json_at_text(object, "status.launch.outcome"), "Failed");
    assert_int_equal(json_at_int(object, "status.launch.generation", 0), 3);
    json_decref(record);
    json_decref(object);
}

static json_t *heartbeat_at(int64_t at, int revision)
{
    char text[CLOCK_TEXT_SIZE];
    return json_pack("{s:s, s:i, s:i}", "observedAt", clock_format_ms(at, text),
                     "convergedRevision", revision, "lag", 0);
}

static const char *beat(json_t *region, int64_t at, int revision, int64_t now)
{
    const struct heartbeat_rules rules = {.every_ms = 10000, .stale_after_ms = 30000};
    json_t *record = heartbeat_at(at, revision);
    record_apply_heartbeat(region, record, &rules, now);
    json_decref(record);
    return json_at_text(region, "status.heartbeatAt");
}

static const char *ready(const json_t *region)
{
    const char *text =
        json_at_text(condition_get(json_object_get(region, "status"), "Ready"), "status");
    return text ? text : "";
}

static void test_heartbeat_interval(void **state)
{
    (void)state;
    json_t *region = parse("{\"metadata\":{\"generation\":1},\"spec\":{}}");
    assert_string_equal(beat(region, NOW, 5, NOW), "2026-11-23T13:17:31Z");
    assert_string_equal(ready(region), "True");
    /* Nothing but the time: the stored one moves only now and then. */
    json_t *before = json_deep_copy(region);
    beat(region, NOW + 9000, 5, NOW + 9000);
    assert_true(json_equal(region, before));
    assert_string_equal(beat(region, NOW + 10000, 5, NOW + 10000), "2026-11-23T13:17:41Z");
    /* News takes the time along. */
    assert_string_equal(beat(region, NOW + 11000, 6, NOW + 11000), "2026-11-23T13:17:42Z");
    /* It never goes back. */
    assert_string_equal(beat(region, NOW + 2000, 7, NOW + 12000), "2026-11-23T13:17:42Z");
    json_decref(before);
    json_decref(region);
}

static void test_late_and_early_heartbeats(void **state)
{
    (void)state;
    json_t *region = parse("{\"metadata\":{\"generation\":1},\"spec\":{}}");
    beat(region, NOW - 30001, 5, NOW);
    assert_string_equal(ready(region), "");
    beat(region, NOW - 30000, 5, NOW);
    assert_string_equal(ready(region), "True");
    /* A clock that is ahead does not make a region immortal. */
    assert_string_equal(beat(region, NOW + 3600000, 6, NOW), "2026-11-23T13:17:31Z");
    json_decref(region);
}

static void test_lag_goes(void **state)
{
    (void)state;
    const struct heartbeat_rules rules = {.every_ms = 10000, .stale_after_ms = 30000};
    json_t *region = parse("{\"metadata\":{\"generation\":1},\"spec\":{}}");
    beat(region, NOW, 5, NOW);
    assert_non_null(json_at(region, "status.lag"));
    json_t *record = heartbeat_at(NOW + 1000, 5);
    json_object_del(record, "lag");
    record_apply_heartbeat(region, record, &rules, NOW + 1000);
    assert_null(json_at(region, "status.lag"));
    json_decref(record);
    json_decref(region);
}

static void test_instance(void **state)
{
    (void)state;
    json_t *info =
        parse("{\"namespace\":\"n\",\"name\":\"i\",\"deployment\":\"d\",\"region\":\"r\","
              "\"zone\":\"z\",\"driver\":\"local\",\"phase\":\"Running\",\"ready\":true,"
              "\"uid\":\"of the part\",\"unknown\":1}");
    json_t *object = record_instance(info);
    assert_string_equal(json_at_text(object, "spec.deployment"), "d");
    assert_string_equal(json_at_text(object, "status.phase"), "Running");
    assert_null(json_at(object, "status.unknown"));
    assert_null(json_at(object, "metadata.uid"));
    json_t *labels = json_at(object, "metadata.labels");
    assert_string_equal(json_string_value(json_object_get(labels, "mot.dev/zone")), "z");
    json_decref(object);
    static const char *const needed[] = {"namespace", "name", "deployment", "region", "zone"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(needed); i++) {
        json_t *copy = json_deep_copy(info);
        json_object_del(copy, needed[i]);
        assert_null(record_instance(copy));
        json_decref(copy);
    }
    json_decref(info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_other_incarnation),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_heartbeat_interval),
        cmocka_unit_test(test_late_and_early_heartbeats),
        cmocka_unit_test(test_lag_goes),
        cmocka_unit_test(test_instance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
