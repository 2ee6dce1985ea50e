/* Each finding with its line and its rule. */
#include "tests.h"

#include <stdlib.h>
#include <string.h>

#include <internal.h>
#include <mot/base/mem.h>

static void expect(const struct findings *findings, size_t count, int line, const char *rule,
                   const char *text)
{
    bool found = false;
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *at = &findings->items[i];
        found =
            found || (at->line == line && strcmp(at->rule, rule) == 0 && strstr(at->text, text));
    }
    if (!found || findings->count != count) {
        for (size_t i = 0; i < findings->count; i++)
            print_error("%d: %s: %s\n", findings->items[i].line, findings->items[i].rule,
                        findings->items[i].text);
        fail_msg("expected %zu, with %d: %s: %s", count, line, rule, text);
    }
}

static void test_findings(void **state)
{
    (void)state;
    /* The first region stands at line 4, or 5 after a pseudoCentral; three lines each. */
    static const struct {
        const char *words;
        const char *head;
        size_t count;
        int line;
        const char *rule;
        const char *text;
    } cases[] = {
        {"production-z - production-a", "", 1, 3, "unknown-central", "production-z"},
        {"production-a stage-z production-a", "", 1, 4, "unknown-pseudo-central", "stage-z"},
        {"production-a - production-a production-a", "", 1, 8, "duplicate-name", "line 5"},
        {"production-a - production-a qa-a", "", 1, 9, "unknown-appenv", "qa"},
        {"production-a - production-a", "productionAppenv: live\n", 1, 4, "unknown-appenv", "live"},
        {"production-a production-b production-a production-b", "", 1, 4, "pseudo-central",
         "production-b"},
        {"production-a production-a production-a", "", 1, 4, "pseudo-central", "central itself"},
        {"production-a - production-a test-a stage-a", "", 1, 11, "border", "pseudoCentral"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct topology *topology = make_topology(cases[i].words, cases[i].head);
        struct findings findings = topology_lint(topology);
        expect(&findings, cases[i].count, cases[i].line, cases[i].rule, cases[i].text);
        findings_release(&findings);
        topology_free(topology);
    }
}

static void test_sound_topologies_have_no_findings(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "production-a stage-a production-a production-b stage-a test-a",
        "production-a - production-a production-b",
        "production-a - production-a test-a",
        "production-a - production-a",
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct topology *topology = make_topology(cases[i], NULL);
        struct findings findings = topology_lint(topology);
        if (findings.count > 0)
            fail_msg("%s: %s", cases[i], findings.items[0].text);
        findings_release(&findings);
        topology_free(topology);
    }
}

static const char *const head =
    "apiVersion: mot.dev/v1alpha1\nkind: Topology\ncentral: production-a\nregions:\n";

static void lint_text(const char *regions, size_t count, int line, const char *rule,
                      const char *what)
{
    struct err err = {0};
    AUTO_FREE char *text = mem_printf("%s%s", head, regions);
    struct topology *topology = topology_parse_loose("t.yaml", text, strlen(text), &err);
    if (!topology)
        fail_msg("%s", err.message);
    struct findings findings = topology_lint(topology);
    expect(&findings, count, line, rule, what);
    findings_release(&findings);
    topology_free(topology);
}

static void test_findings_of_a_region(void **state)
{
    (void)state;
    static const char a[] =
        "- name: production-a\n  appenv: production\n  zones: [{name: a, driver: local}]\n";
    AUTO_FREE char *duplicate_zone =
        mem_printf("%s- name: production-b\n  appenv: production\n  zones:\n"
                   "  - {name: a, driver: local}\n  - {name: a, driver: local}\n",
                   a);
    lint_text(duplicate_zone, 1, 12, "duplicate-name", "production-b");
    AUTO_FREE char *driver = mem_printf(
        "%s- name: production-b\n  appenv: production\n  zones: [{name: a, driver: docker}]\n", a);
    lint_text(driver, 1, 10, "unknown-driver", "docker");
    AUTO_FREE char *no_url = mem_printf(
        "%s- name: production-b\n  appenv: production\n  zones: [{name: a, driver: nomad}]\n", a);
    lint_text(no_url, 1, 10, "unreachable", "url");
    AUTO_FREE char *name = mem_printf(
        "%s- name: prod-b\n  appenv: production\n  zones: [{name: a, driver: local}]\n", a);
    lint_text(name, 1, 8, "region-name", "prod-b");
    AUTO_FREE char *location = mem_printf("%s- name: production-b\n  appenv: production\n  "
                                          "location: c\n  zones: [{name: a, driver: local}]\n",
                                          a);
    lint_text(location, 1, 8, "region-name", "production-c");
}

static void test_findings_of_addresses(void **state)
{
    (void)state;
#define REGION(n, b)                                                                               \
    "- name: production-" n "\n  appenv: production\n  kafka: {bootstrapServers: \"" b             \
    "\"}\n  zones: [{name: a, driver: local}]\n"
    static const char without[] =
        "- name: production-b\n  appenv: production\n  zones: [{name: a, driver: local}]\n";
    lint_text(REGION("a", "k1:9092,k2:9092") REGION("b", "k3:9092,k2:9092"), 1, 11,
              "shared-cluster", "rule 1");
    lint_text(REGION("a", "127.0.0.1:9092") REGION("b", "k3:9092"), 1, 7, "unreachable",
              "loopback");
    AUTO_FREE char *half = mem_printf("%s%s", REGION("a", "k1:9092"), without);
    lint_text(half, 1, 9, "unreachable", "production-b");
#undef REGION
}

/* topology_routes never makes such tables; should it ever, lint says so. */
static void test_rules_over_broken_routes(void **state)
{
    (void)state;
    struct topology *topology =
        make_topology("production-a stage-a production-a stage-a test-a", NULL);
    const struct topology_region *test = topology_find(topology, "test-a");
    static const char *const rules[] = {"rule-1", "rule-2", "rule-3", "unreachable", "rule-1"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rules); i++) {
        struct routes *routes = topology_routes(topology);
        struct findings findings = {0};
        struct route *state_route = NULL;
        for (size_t r = 0; r < routes->count; r++) {
            if (routes->items[r].region == test &&
                strcmp(routes->items[r].flow, TOPIC_DEPLOYMENT_STATE) == 0)
                state_route = &routes->items[r];
        }
        if (i == 0)
            state_route->produced_in = topology->central;
        else if (i == 1)
            state_route->consumed_in = test;
        else if (i == 2)
            state_route->consumed_topic = TOPIC_DEPLOYMENT_STATE;
        else if (i == 3)
            state_route->produced_topic = "lost";
        else
            routes->mirrors[0].to = test;
        topology_lint_routes(topology, routes, &findings);
        bool found = false;
        for (size_t f = 0; f < findings.count; f++)
            found = found || strcmp(findings.items[f].rule, rules[i]) == 0;
        if (!found)
            fail_msg("no finding of %s in case %zu", rules[i], i);
        findings_release(&findings);
        routes_free(routes);
    }
    topology_free(topology);
}

int run_lint_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_sound_topologies_have_no_findings),
        cmocka_unit_test(test_findings_of_a_region),
        cmocka_unit_test(test_findings_of_addresses),
        cmocka_unit_test(test_rules_over_broken_routes),
    };
    return cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
