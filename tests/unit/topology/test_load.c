#include "tests.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#define HEAD "apiVersion: mot.dev/v1alpha1\nkind: Topology\ncentral: production-a\n"
#define ZONE "  zones: [{name: a, driver: local}]\n"

static struct topology *load_demo(void)
{
    struct err err = {0};
    const char *source = getenv("MOT_SOURCE_DIR");
    AUTO_FREE char *path = mem_printf("%s/manifests/topology/demo.yaml", source ? source : ".");
    struct topology *topology = topology_load(path, &err);
    if (!topology)
        fail_msg("%s", err.message);
    return topology;
}

static void test_the_demo(void **state)
{
    (void)state;
    struct topology *topology = load_demo();
    assert_int_equal(topology->region_count, 4);
    assert_string_equal(topology->central->name, "production-us-east-1");
    assert_string_equal(topology->pseudo_central->name, "stage-us-east-1");
    assert_int_equal(topology->appenv_count, 3);
    assert_string_equal(topology->production, "production");
    assert_int_equal(topology->partitions, 1);
    assert_int_equal(topology->replication_factor, 1);
    const struct topology_region *west = topology_find(topology, "production-us-west-2");
    assert_string_equal(west->location, "us-west-2");
    assert_null(west->bootstrap);
    assert_null(west->consul_url);
    assert_int_equal(west->zone_count, 2);
    assert_string_equal(west->zones[1].name, "us-west-2b");
    assert_string_equal(west->zones[1].driver, "local");
    assert_int_equal(west->line, 12);
    assert_null(topology_find(topology, "nowhere"));
    topology_free(topology);
}

static void test_written_and_read_again(void **state)
{
    (void)state;
    struct err err = {0};
    struct topology *topology = load_demo();
    topology_set_bootstrap(topology, "test-us-east-1", "127.0.0.1:9092");
    AUTO_FREE char *text = topology_write(topology);
    struct topology *again = topology_parse("again.yaml", text, strlen(text), &err);
    if (!again)
        fail_msg("%s", err.message);
    assert_string_equal(topology_find(again, "test-us-east-1")->bootstrap, "127.0.0.1:9092");
    assert_null(topology_find(again, "stage-us-east-1")->bootstrap);
    AUTO_FREE char *twice = topology_write(again);
    assert_string_equal(text, twice);
    topology_free(again);
    topology_free(topology);
}

static void test_all_fields(void **state)
{
    (void)state;
    static const char text[] = HEAD "topics: {replicationFactor: 3, partitions: 8}\nregions:\n- "
                                    "name: production-a\n  appenv: production\n"
                                    "  location: a\n  kafka: {bootstrapServers: "
                                    "\"k1:9092,k2:9092\"}\n  consul: {url: \"http://c:8500\"}\n"
                                    "  zones:\n  - {name: z, driver: marathon, url: "
                                    "\"http://m:8080\", mesosUrl: \"http://m:5050\", "
                                    "credentialsFile: /etc/mot/z}\n";
    struct err err = {0};
    struct topology *topology = topology_parse("all.yaml", text, strlen(text), &err);
    if (!topology)
        fail_msg("%s", err.message);
    assert_int_equal(topology->replication_factor, 3);
    assert_int_equal(topology->partitions, 8);
    assert_string_equal(topology->regions[0].bootstrap, "k1:9092,k2:9092");
    assert_string_equal(topology->regions[0].consul_url, "http://c:8500");
    const struct topology_zone *zone = &topology->regions[0].zones[0];
    assert_string_equal(zone->url, "http://m:8080");
    assert_string_equal(zone->mesos_url, "http://m:5050");
    assert_string_equal(zone->credentials_file, "/etc/mot/z");
    assert_null(topology->pseudo_central);
    topology_free(topology);
}

static void test_errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *where;
        const char *what;
    } cases[] = {
        {HEAD "bogus: 1\nregions:\n- name: production-a\n  appenv: production\n" ZONE,
         "t.yaml:4: ", "bogus"},
        {HEAD
         "regions:\n- name: production-a\n  appenv: production\n  kafka: {bootstrap: x}\n" ZONE,
         "t.yaml:7: ", "kafka.bootstrap"},
        {HEAD "regions:\n- name: production-a\n" ZONE, "t.yaml:5: ", "appenv"},
        {HEAD "regions:\n- name: Production_A\n  appenv: production\n" ZONE, "t.yaml:5: ", "name"},
        {HEAD
         "topics: {partitions: 0}\nregions:\n- name: production-a\n  appenv: production\n" ZONE,
         "t.yaml:4: ", "partitions"},
        {HEAD "regions: []\n", "t.yaml:4: ", "regions"},
        {"kind: Topology\nregions: 5\n", "t.yaml:", ""},
        {"- 1\n", "t.yaml:1: ", "mapping"},
        {"", "t.yaml:1: ", "one document"},
        {"a: [\n", "t.yaml:", ""},
        {HEAD "regions:\n- name: production-b\n  appenv: production\n" ZONE,
         "t.yaml:3: ", "production-a"},
        {HEAD "pseudoCentral: x\nregions:\n- name: production-a\n  appenv: production\n" ZONE,
         "t.yaml:4: ", "x"},
        {HEAD "regions:\n- name: production-a\n  appenv: qa\n" ZONE, "t.yaml:6: ", "qa"},
        {HEAD "regions:\n- name: production-a\n  appenv: production\n" ZONE
              "- name: production-a\n  appenv: production\n" ZONE,
         "t.yaml:8: ", "production-a"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        assert_null(topology_parse("t.yaml", cases[i].text, strlen(cases[i].text), &err));
        if (strncmp(err.message, cases[i].where, strlen(cases[i].where)) != 0 ||
            !strstr(err.message, cases[i].what))
            fail_msg("case %zu: %s", i, err.message);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

int run_load_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_demo),
        cmocka_unit_test(test_written_and_read_again),
        cmocka_unit_test(test_all_fields),
        cmocka_unit_test(test_errors_name_the_line),
    };
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
