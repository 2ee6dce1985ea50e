/* The regional layer as it is started: launch events in, processes of the local driver, and what
 * the region says about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/topology/topology.h>

#include "support.h"

#define APP "shop/web"

static void launch_zones(int64_t revision, const char *zones, const char *more)
{
    AUTO_FREE char *text = mem_printf(
        "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"web-r\",\"uid\":\"u1\",\"generation\":"
        "%lld,\"resourceVersion\":\"%lld\"%s},\"spec\":{\"deployment\":\"web\",\"region\":"
        "\"production-us-east-1\",\"zones\":[%s],\"template\":{\"spec\":{"
        "\"terminationGracePeriodSeconds\":1,\"containers\":[{\"name\":\"main\",\"image\":\"i\","
        "\"command\":[\"sleep\"],\"args\":[\"10000\"]}]}}}}",
        (long long)revision, (long long)revision, more, zones);
    launch(APP, text, revision);
}

static void launch_app(int64_t revision, const char *more)
{
    launch_zones(revision,
                 "{\"name\":\"us-east-1a\",\"replicas\":1},"
                 "{\"name\":\"us-east-1b\",\"replicas\":1}",
                 more);
}

static void launch_marker(int64_t revision)
{
    AUTO_FREE char *text = mem_printf("{\"revision\":%lld}", (long long)revision);
    launch("mot-marker", text, revision);
}

static bool converged(const json_t *value, int64_t revision)
{
    const char *state = json_at_text(value, "state");
    return state && strcmp(state, "Converged") == 0 &&
           json_at_int(value, "revision", 0) == revision;
}

static bool gone(const json_t *value, int64_t revision)
{
    return json_at_bool(value, "gone", false) && json_at_int(value, "revision", 0) == revision;
}

static bool nothing(const json_t *value, int64_t number)
{
    (void)number;
    return value == NULL;
}

static bool is_complete(const json_t *value, int64_t revision)
{
    const char *outcome = json_at_text(value, "outcome");
    return outcome && strcmp(outcome, "Complete") == 0 &&
           json_at_int(value, "revision", 0) == revision;
}

static bool beats(const json_t *value, int64_t revision)
{
    return json_at_int(value, "convergedRevision", -1) == revision &&
           json_at_int(value, "launchRevision", -1) == revision &&
           json_at_int(value, "lag", -1) == 0;
}

static json_t *wait_heartbeat(int64_t revision)
{
    return wait_value(TOPIC_HEARTBEAT, "production-us-east-1", beats, revision);
}

static void test_launch(void **state)
{
    (void)state;
    reconciler_start();
    launch_app(10, "");
    launch_marker(11);
    json_t *value = wait_value(TOPIC_DEPLOYMENT_STATE, APP, converged, 10);
    assert_int_equal(json_at_int(value, "ready", 0), 2);
    assert_int_equal(json_at_int(value, "updated", 0), 2);
    assert_int_equal(json_array_size(json_object_get(value, "zones")), 2);
    assert_string_equal(json_at_text(value, "region"), "production-us-east-1");
    json_decref(value);
    json_decref(wait_value(TOPIC_COMPLETE, APP, is_complete, 10));
    value = wait_heartbeat(11);
    assert_int_equal(json_at_int(value, "deployments", 0), 1);
    assert_int_equal(json_at_int(value, "instances", 0), 2);
    json_decref(value);
}

static const char *const quiet[] = {
    TOPIC_DESIRED,        "mot-local-state",      "mot-instance-local-state",
    TOPIC_INSTANCE_STATE, TOPIC_DEPLOYMENT_STATE, TOPIC_COMPLETE};

static void test_killed(void **state)
{
    (void)state;
    int64_t before[MOT_ARRAY_SIZE(quiet)];
    json_t *value = wait_heartbeat(11);
    int64_t epoch = json_at_int(value, "epoch", 0);
    json_decref(value);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(quiet); i++)
        before[i] = records_of(quiet[i]);
    reconciler_kill();
    reconciler_start();
    for (int64_t until = clock_ms() + 60000; clock_ms() < until;) {
        value = wait_heartbeat(11);
        int64_t now = json_at_int(value, "epoch", 0);
        json_decref(value);
        if (now > epoch)
            break;
    }
    clock_sleep_ms(3000);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(quiet); i++) {
        print_message("  %s\n", quiet[i]);
        assert_int_equal(records_of(quiet[i]), before[i]);
    }
}

static void test_wiped(void **state)
{
    (void)state;
    kafka_wipe(broker);
    kafka_begin(broker);
    kafka_await(broker);
    launch_topic_create();
    launch_app(10, ""); /* as the publisher does */
    launch_marker(11);
    json_t *value = wait_value(TOPIC_DEPLOYMENT_STATE, APP, converged, 10);
    assert_int_equal(json_at_int(value, "ready", 0), 2);
    json_decref(value);
    json_decref(wait_value(TOPIC_COMPLETE, APP, is_complete, 10));
    json_decref(wait_heartbeat(11));
}

/* Its own cluster is away when it starts: what runs is looked after all the same. */
static void test_alone(void **state)
{
    (void)state;
    reconciler_kill();
    kafka_stop(broker);
    assert_int_equal(region_processes(true), 2);
    while (region_processes(false) > 1)
        clock_sleep_ms(10);
    reconciler_start();
    for (int64_t until = clock_ms() + 20000; region_processes(false) < 2;) {
        assert_true(clock_ms() < until);
        clock_sleep_ms(50);
    }
    kafka_begin(broker);
    kafka_await(broker);
    json_decref(wait_value(TOPIC_DEPLOYMENT_STATE, APP, converged, 10));
    json_decref(wait_heartbeat(11));
}

/* What a zone said stays in the topic, and nobody else would ever take it back. */
static void test_zone_removed(void **state)
{
    (void)state;
    reconciler_kill();
    region_set_zones(1);
    reconciler_start();
    json_decref(wait_value("mot-local-state", "us-east-1b/" APP, nothing, 0));
    launch_zones(12, "{\"name\":\"us-east-1a\",\"replicas\":1}", "");
    json_t *value = wait_value(TOPIC_DEPLOYMENT_STATE, APP, converged, 12);
    assert_int_equal(json_array_size(json_object_get(value, "zones")), 1);
    json_decref(value);
    assert_int_equal(region_processes(false), 2); /* nobody asked to stop it */
    reconciler_kill();
    region_set_zones(2);
    reconciler_start();
    for (int64_t until = clock_ms() + 20000; region_processes(false) > 1;) {
        assert_true(clock_ms() < until);
        clock_sleep_ms(50);
    }
}

static void test_deleted(void **state)
{
    (void)state;
    launch_app(22, ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"");
    json_t *value = wait_value(TOPIC_DEPLOYMENT_STATE, APP, gone, 22);
    assert_int_equal(json_at_int(value, "running", -1), 0);
    json_decref(value);
    json_decref(wait_value(TOPIC_COMPLETE, APP, is_complete, 22));
    launch(APP, NULL, 23);
    json_decref(wait_value(TOPIC_DEPLOYMENT_STATE, APP, nothing, 0));
    json_decref(wait_value("mot-local-state", "us-east-1a/" APP, nothing, 0));
    launch_marker(24);
    launch_app(10, ""); /* a mirror repeats itself */
    value = wait_heartbeat(24);
    assert_int_equal(json_at_int(value, "instances", -1), 0);
    json_decref(value);
    clock_sleep_ms(1000);
    assert_null(value_of(TOPIC_DESIRED, APP));
    assert_int_equal(reconciler_stop(), 0);
}

static int setup(void **state)
{
    (void)state;
    region_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    region_end();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--reconciler") == 0)
        return reconciler_child(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_launch),       cmocka_unit_test(test_killed),
        cmocka_unit_test(test_wiped),        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_zone_removed), cmocka_unit_test(test_deleted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
