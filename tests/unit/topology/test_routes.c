/* Which way records go: each case is a topology and the whole table that must come out. */
#include "tests.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>

#define SEED                                                                                       \
    "production-us-east-1 stage-us-east-1 production-us-east-1 stage-us-east-1 test-us-east-1"

struct expected {
    const char *flow;
    const char *region;
    const char *produced; /* "CLUSTER TOPIC" */
    const char *consumed; /* "CLUSTER TOPIC" */
    const char *consumer;
};

static void assert_place(const struct topology_region *cluster, const char *topic,
                         const char *expected)
{
    AUTO_FREE char *got = mem_printf("%s %s", cluster->name, topic);
    assert_string_equal(got, expected);
}

static void check_routes(const struct topology *topology, const struct expected *expected,
                         size_t count)
{
    struct routes *routes = topology_routes(topology);
    for (size_t i = 0; i < count; i++) {
        const struct route *route = routes_find(routes, expected[i].flow, expected[i].region);
        assert_non_null(route);
        assert_place(route->produced_in, route->produced_topic, expected[i].produced);
        assert_place(route->consumed_in, route->consumed_topic, expected[i].consumed);
        assert_string_equal(route->consumer->name, expected[i].consumer);
    }
    assert_int_equal(routes->count, topology->region_count * 5);
    routes_free(routes);
}

/* "NAME: from -> to, from -> to; NAME: …" */
static void check_mirrors(const struct topology *topology, const char *expected)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_adds(&buf, "");
    struct routes *routes = topology_routes(topology);
    for (size_t i = 0; i < routes->mirror_count; i++) {
        const struct mirror *mirror = &routes->mirrors[i];
        buf_addf(&buf, "%s%s:", i ? "; " : "", mirror->name);
        for (size_t t = 0; t < mirror->topic_count; t++)
            buf_addf(&buf, "%s %s > %s", t ? "," : "", mirror->topics[t].from_topic,
                     mirror->topics[t].to_topic);
    }
    AUTO_FREE char *got = buf_take(&buf);
    assert_string_equal(got, expected);
    routes_free(routes);
}

#define INWARD_MIRROR(r)                                                                           \
    TOPIC_COMPLETE " > " TOPIC_COMPLETE "." r ", " TOPIC_DEPLOYMENT_STATE                          \
                   " > " TOPIC_DEPLOYMENT_STATE "." r ", " TOPIC_INSTANCE_STATE                    \
                   " > " TOPIC_INSTANCE_STATE "." r ", " TOPIC_HEARTBEAT " > " TOPIC_HEARTBEAT     \
                   "." r

/* The example of the seed: central production-us-east-1, pseudo-central stage-us-east-1, and
 * test-us-east-1. */
static void test_the_seeds_example(void **state)
{
    (void)state;
    static const struct expected expected[] = {
        {TOPIC_LAUNCH, "test-us-east-1",
         "production-us-east-1 mot-deployment-launch-events-test-us-east-1",
         "stage-us-east-1 mot-deployment-launch-events-test-us-east-1", "test-us-east-1"},
        {TOPIC_LAUNCH, "stage-us-east-1",
         "production-us-east-1 mot-deployment-launch-events-stage-us-east-1",
         "stage-us-east-1 mot-deployment-launch-events-stage-us-east-1", "stage-us-east-1"},
        {TOPIC_LAUNCH, "production-us-east-1",
         "production-us-east-1 mot-deployment-launch-events-production-us-east-1",
         "production-us-east-1 mot-deployment-launch-events-production-us-east-1",
         "production-us-east-1"},
        {TOPIC_DEPLOYMENT_STATE, "test-us-east-1", "test-us-east-1 mot-deployment-state-change",
         "production-us-east-1 mot-deployment-state-change.test-us-east-1", "production-us-east-1"},
        {TOPIC_INSTANCE_STATE, "stage-us-east-1", "stage-us-east-1 mot-instance-state-change",
         "production-us-east-1 mot-instance-state-change.stage-us-east-1", "production-us-east-1"},
        {TOPIC_HEARTBEAT, "production-us-east-1", "production-us-east-1 mot-region-heartbeat",
         "production-us-east-1 mot-region-heartbeat", "production-us-east-1"},
    };
    struct topology *topology = make_topology(SEED, NULL);
    check_routes(topology, expected, MOT_ARRAY_SIZE(expected));
    check_mirrors(topology,
                  "production-us-east-1->stage-us-east-1:"
                  " mot-deployment-launch-events-stage-us-east-1 > "
                  "mot-deployment-launch-events-stage-us-east-1,"
                  " mot-deployment-launch-events-test-us-east-1 > "
                  "mot-deployment-launch-events-test-us-east-1;"
                  " stage-us-east-1->production-us-east-1: " INWARD_MIRROR(
                      "stage-us-east-1") ";"
                                         " test-us-east-1->production-us-east-1: " INWARD_MIRROR(
                                             "test-us-east-1"));
    topology_free(topology);
}

static void test_production_to_production_has_no_mirror(void **state)
{
    (void)state;
    static const struct expected expected[] = {
        {TOPIC_LAUNCH, "production-b", "production-a mot-deployment-launch-events-production-b",
         "production-a mot-deployment-launch-events-production-b", "production-b"},
        {TOPIC_DEPLOYMENT_STATE, "production-b",
         "production-b mot-deployment-state-change.production-b",
         "production-b mot-deployment-state-change.production-b", "production-a"},
        {TOPIC_COMPLETE, "production-b", "production-b mot-deployment-complete-events.production-b",
         "production-b mot-deployment-complete-events.production-b", "production-a"},
        {TOPIC_COMPLETE, "production-a", "production-a mot-deployment-complete-events",
         "production-a mot-deployment-complete-events", "production-a"},
    };
    struct topology *topology = make_topology("production-a - production-a production-b", NULL);
    check_routes(topology, expected, MOT_ARRAY_SIZE(expected));
    check_mirrors(topology, "");
    topology_free(topology);
}

static void test_five_appenvs(void **state)
{
    (void)state;
    static const struct expected expected[] = {
        {TOPIC_LAUNCH, "perf-x", "live-x mot-deployment-launch-events-perf-x",
         "qa-x mot-deployment-launch-events-perf-x", "perf-x"},
        {TOPIC_LAUNCH, "dev-x", "live-x mot-deployment-launch-events-dev-x",
         "qa-x mot-deployment-launch-events-dev-x", "dev-x"},
        {TOPIC_LAUNCH, "live-y", "live-x mot-deployment-launch-events-live-y",
         "live-x mot-deployment-launch-events-live-y", "live-y"},
        {TOPIC_HEARTBEAT, "live-y", "live-y mot-region-heartbeat.live-y",
         "live-y mot-region-heartbeat.live-y", "live-x"},
        {TOPIC_HEARTBEAT, "uat-x", "uat-x mot-region-heartbeat",
         "live-x mot-region-heartbeat.uat-x", "live-x"},
    };
    struct topology *topology =
        make_topology("live-x qa-x live-x live-y qa-x dev-x perf-x uat-x",
                      "appenvs: [dev, qa, perf, uat, live]\nproductionAppenv: live\n");
    check_routes(topology, expected, MOT_ARRAY_SIZE(expected));
    struct routes *routes = topology_routes(topology);
    assert_int_equal(routes->mirror_count, 5);
    assert_string_equal(routes->mirrors[0].name, "live-x->qa-x");
    assert_int_equal(routes->mirrors[0].topic_count, 4);
    routes_free(routes);
    topology_free(topology);
}

/* Then each region beyond the border polls central itself; the way back is the same. */
static void test_no_pseudo_central(void **state)
{
    (void)state;
    static const struct expected expected[] = {
        {TOPIC_LAUNCH, "test-a", "production-a mot-deployment-launch-events-test-a",
         "production-a mot-deployment-launch-events-test-a", "test-a"},
        {TOPIC_DEPLOYMENT_STATE, "test-a", "test-a mot-deployment-state-change",
         "production-a mot-deployment-state-change.test-a", "production-a"},
    };
    struct topology *topology = make_topology("production-a - production-a test-a", NULL);
    check_routes(topology, expected, MOT_ARRAY_SIZE(expected));
    check_mirrors(topology, "test-a->production-a: " INWARD_MIRROR("test-a"));
    topology_free(topology);
}

static void test_may_produce(void **state)
{
    (void)state;
    struct topology *topology = make_topology(SEED, NULL);
    assert_true(topology_may_produce(topology, "test-us-east-1", "test-us-east-1"));
    assert_false(topology_may_produce(topology, "test-us-east-1", "stage-us-east-1"));
    assert_false(topology_may_produce(topology, "test-us-east-1", "production-us-east-1"));
    assert_false(topology_may_produce(topology, "nowhere", "nowhere"));
    topology_free(topology);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct topic_spec *)a)->name, ((const struct topic_spec *)b)->name);
}

static void check_topics(const struct topology *topology, const char *region, const char *expected)
{
    struct buf buf;
    size_t count;
    buf_init(&buf, BUF_MAX_DEFAULT);
    struct routes *routes = topology_routes(topology);
    struct topic_spec *specs =
        topology_topics(topology, routes, topology_find(topology, region), &count);
    qsort(specs, count, sizeof(*specs), compare);
    for (size_t i = 0; i < count; i++) {
        assert_true(specs[i].compacted);
        assert_string_equal(specs[i].cluster->name, region);
        buf_addf(&buf, "%s%s", i ? " " : "", specs[i].name);
    }
    AUTO_FREE char *got = buf_take(&buf);
    assert_string_equal(got, expected);
    topic_specs_free(specs, count);
    routes_free(routes);
}

static void test_topics_of_each_cluster(void **state)
{
    (void)state;
    struct topology *topology =
        make_topology("production-a stage-a production-a production-b stage-a test-a", NULL);
    check_topics(
        topology, "test-a",
        "mot-deployment-complete-events mot-deployment-desired mot-deployment-state-change "
        "mot-instance-local-state mot-instance-state-change mot-local-state mot-region-heartbeat");
    check_topics(
        topology, "production-b",
        "mot-deployment-complete-events.production-b mot-deployment-desired "
        "mot-deployment-state-change.production-b mot-instance-local-state "
        "mot-instance-state-change.production-b mot-local-state mot-region-heartbeat.production-b");
    check_topics(
        topology, "stage-a",
        "mot-deployment-complete-events mot-deployment-desired "
        "mot-deployment-launch-events-stage-a "
        "mot-deployment-launch-events-test-a mot-deployment-state-change mot-instance-local-state "
        "mot-instance-state-change mot-local-state mot-region-heartbeat");
    check_topics(
        topology, "production-a",
        "mot-deployment-complete-events mot-deployment-complete-events.stage-a "
        "mot-deployment-complete-events.test-a mot-deployment-desired "
        "mot-deployment-launch-events-production-a mot-deployment-launch-events-production-b "
        "mot-deployment-launch-events-stage-a mot-deployment-launch-events-test-a "
        "mot-deployment-state-change mot-deployment-state-change.stage-a "
        "mot-deployment-state-change.test-a "
        "mot-instance-local-state mot-instance-state-change mot-instance-state-change.stage-a "
        "mot-instance-state-change.test-a mot-local-state mot-region-heartbeat "
        "mot-region-heartbeat.stage-a "
        "mot-region-heartbeat.test-a");
    topology_free(topology);
}

int run_route_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_seeds_example),
        cmocka_unit_test(test_production_to_production_has_no_mirror),
        cmocka_unit_test(test_five_appenvs),
        cmocka_unit_test(test_no_pseudo_central),
        cmocka_unit_test(test_may_produce),
        cmocka_unit_test(test_topics_of_each_cluster),
    };
    return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
