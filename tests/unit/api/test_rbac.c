/* Rules, bindings and aggregation as Kubernetes resolves them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/yaml.h>

#include "api/auth/rbac.h"
#include "api/auth/roles.h"
#include "api/auth/rules.h"

/* A YAML flow value; a new reference. */
static json_t *value(const char *text)
{
    struct yaml_documents documents = {0};
    struct err err = {0};
    if (yaml_parse("test", text, strlen(text), &documents, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    json_t *result = json_incref(documents.items[0].value);
    yaml_documents_release(&documents);
    return result;
}

static struct identity somebody(const char *name, const char *group)
{
    struct identity user = identity_new(name, "");
    identity_add_group(&user, group);
    return user;
}

/* -------------------------------------------------------------------------------- rules */

static const struct {
    const char *rule;
    const char *verb, *group, *resource, *subresource, *name, *path;
    bool allowed;
} matches[] = {
#define THINGS "{verbs: [get, list], apiGroups: [mot.dev], resources: [things]}"
    {THINGS, "get", "mot.dev", "things", "", "a", "", true},
    {THINGS, "list", "mot.dev", "things", "", "", "", true},
    {THINGS, "delete", "mot.dev", "things", "", "a", "", false},
    {THINGS, "get", "", "things", "", "a", "", false},
    {THINGS, "get", "mot.dev", "others", "", "a", "", false},
    {THINGS, "get", "mot.dev", "things", "status", "a", "", false},
    {THINGS, "get", "mot.dev", "thing", "", "a", "", false},
    {THINGS, "get", "", "", "", "", "/things", false},
#define NAMED "{verbs: ['*'], apiGroups: [''], resources: [things], resourceNames: [a, b]}"
    {NAMED, "get", "", "things", "", "b", "", true},
    {NAMED, "get", "", "things", "", "c", "", false},
    {NAMED, "create", "", "things", "", "", "", false},
    {NAMED, "list", "", "things", "", "", "", false},
#define STATUS "{verbs: [update], apiGroups: ['*'], resources: ['*/status', things/scale]}"
    {STATUS, "update", "x", "things", "status", "a", "", true},
    {STATUS, "update", "x", "others", "status", "a", "", true},
    {STATUS, "update", "x", "things", "scale", "a", "", true},
    {STATUS, "update", "x", "others", "scale", "a", "", false},
    {STATUS, "update", "x", "things", "", "a", "", false},
    {STATUS, "update", "x", "*", "", "", "", false},
#define ALL "{verbs: ['*'], apiGroups: ['*'], resources: ['*']}"
    {ALL, "*", "*", "*", "", "", "", true},
    {ALL, "impersonate", "", "users", "", "u", "", true},
    {ALL, "get", "", "a", "b", "c", "", true},
    {ALL, "get", "", "", "", "", "/healthz", false},
#define URLS "{verbs: [get], nonResourceURLs: [/healthz, /apis/*, /version/]}"
    {URLS, "get", "", "", "", "", "/healthz", true},
    {URLS, "get", "", "", "", "", "/healthz/ping", false},
    {URLS, "get", "", "", "", "", "/apis/", true},
    {URLS, "get", "", "", "", "", "/apis", false},
    {URLS, "get", "", "", "", "", "/apis/mot.dev/v1", true},
    {URLS, "get", "", "", "", "", "/version", false},
    {URLS, "post", "", "", "", "", "/healthz", false},
    {"{verbs: [get], nonResourceURLs: ['*']}", "get", "", "", "", "", "/", true},
    {"{verbs: [get], nonResourceURLs: ['*']}", "get", "", "things", "", "", "", false},
};

static void test_matching(void **state)
{
    (void)state;
    struct identity user = somebody("u", "g");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(matches); i++) {
        json_t *rule = value(matches[i].rule);
        struct attributes attributes = attributes_of(&user, matches[i].verb, matches[i].group,
                                                     matches[i].resource, "", matches[i].name);
        attributes.subresource = matches[i].subresource;
        attributes.path = matches[i].path;
        print_message("%zu: %s %s\n", i, matches[i].rule, matches[i].verb);
        assert_int_equal(rule_allows(rule, &attributes), matches[i].allowed);
        json_decref(rule);
    }
    identity_release(&user);
}

static const struct {
    const char *held, *wanted;
    const char *missing; /* "" when everything is covered */
} escalations[] = {
    {"[" ALL "]", "[" THINGS "]", ""},
    {"[" ALL "]", "[" ALL "]", ""},
    {"[" THINGS "]", "[" THINGS "]", ""},
    {"[]", "[" THINGS "]",
     "{APIGroups:[\"mot.dev\"], Resources:[\"things\"], Verbs:[\"get\" \"list\"]}"},
    {"[" THINGS "]", "[" ALL "]", "{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}"},
    {"[" THINGS "]", "[{verbs: [get, delete], apiGroups: [mot.dev], resources: [things, others]}]",
     "{APIGroups:[\"mot.dev\"], Resources:[\"others\"], Verbs:[\"get\" \"delete\"]}\n"
     "{APIGroups:[\"mot.dev\"], Resources:[\"things\"], Verbs:[\"delete\"]}"},
    /* two rules together cover what neither does alone */
    {"[{verbs: [get], apiGroups: [a], resources: [x]}, {verbs: [list], apiGroups: [a], resources: "
     "[x]}]",
     "[{verbs: [get, list], apiGroups: [a], resources: [x]}]", ""},
    {"[" NAMED "]", "[{verbs: [get], apiGroups: [''], resources: [things], resourceNames: [a, c]}]",
     "{APIGroups:[\"\"], Resources:[\"things\"], ResourceNames:[\"c\"], Verbs:[\"get\"]}"},
    {"[" NAMED "]", "[{verbs: [get], apiGroups: [''], resources: [things]}]",
     "{APIGroups:[\"\"], Resources:[\"things\"], Verbs:[\"get\"]}"},
    {"[" STATUS "]", "[{verbs: [update], apiGroups: [a], resources: [x/status]}]", ""},
    {"[" URLS "]", "[{verbs: [get], nonResourceURLs: [/apis/x, /apis/*]}]", ""},
    {"[" URLS "]", "[{verbs: [get], nonResourceURLs: ['*']}]",
     "{NonResourceURLs:[\"*\"], Verbs:[\"get\"]}"},
    {"[" ALL "]", "[{verbs: [get], nonResourceURLs: [/x]}]",
     "{NonResourceURLs:[\"/x\"], Verbs:[\"get\"]}"},
};

static void test_escalation(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(escalations); i++) {
        json_t *held = value(escalations[i].held);
        json_t *wanted = value(escalations[i].wanted);
        json_t *missing = rules_missing(held, wanted);
        AUTO_FREE char *text = rules_text(missing);
        print_message("%zu: %s\n", i, escalations[i].wanted);
        assert_string_equal(text, escalations[i].missing);
        json_decref(held);
        json_decref(wanted);
        json_decref(missing);
    }
}

/* Taking it apart would take for ever. */
static void test_large_rule(void **state)
{
    (void)state;
    json_t *rule = value("{verbs: [], apiGroups: [], resources: [], resourceNames: []}");
    const char *key;
    json_t *list;
    json_object_foreach(rule, key, list)
    {
        for (int i = 0; i < 1000; i++) {
            AUTO_FREE char *text = mem_printf("x%d", i);
            json_array_append_new(list, json_string(text));
        }
    }
    json_t *wanted = json_pack("[o]", rule);
    json_t *held = value("[" ALL "]");
    json_t *less = value("[{verbs: ['*'], apiGroups: ['*'], resources: [x1]}]");
    json_t *none = rules_missing(held, wanted);
    json_t *missing = rules_missing(less, wanted);
    assert_int_equal(json_array_size(none), 0);
    assert_int_equal(json_array_size(missing), 1);
    json_decref(none);
    json_decref(missing);
    json_decref(less);
    json_decref(held);
    json_decref(wanted);
}

/* -------------------------------------------------------------------------------- bindings */

static void put(struct rbac *rbac, enum rbac_kind kind, const char *ns, const char *name,
                const char *text)
{
    json_t *object = text ? value(text) : NULL;
    rbac_put(rbac, kind, ns, name, object);
    rbac_settle(rbac);
    json_decref(object);
}

static void ask(struct rbac *rbac, const char *name, const char *group, const char *verb,
                const char *ns, const char *reason)
{
    struct identity user = somebody(name, group);
    struct attributes attributes = attributes_of(&user, verb, "mot.dev", "things", ns, "a");
    char *found = NULL;
    bool allowed = rbac_allows(rbac, &attributes, &found);
    if (reason)
        assert_string_equal(found ? found : "", reason);
    assert_int_equal(allowed, found && strncmp(found, "RBAC: allowed", 13) == 0);
    assert_int_equal(rbac_allows(rbac, &attributes, NULL), allowed);
    free(found);
    identity_release(&user);
}

static void test_bindings(void **state)
{
    (void)state;
    struct rbac *rbac = rbac_new();
    ask(rbac, "ann", "g", "get", "n", "");
    put(rbac, RBAC_CLUSTER_ROLES, "", "reader", "{rules: [" THINGS "]}");
    put(rbac, RBAC_CLUSTER_ROLE_BINDINGS, "", "readers",
        "{roleRef: {kind: ClusterRole, name: reader}, subjects: [{kind: User, name: ann}, {kind: "
        "Group, name: team}]}");
    ask(rbac, "ann", "g", "get", "n",
        "RBAC: allowed by ClusterRoleBinding \"readers\" of ClusterRole \"reader\" to User "
        "\"ann\"");
    ask(rbac, "ann", "g", "list", "",
        "RBAC: allowed by ClusterRoleBinding \"readers\" of ClusterRole \"reader\" to User "
        "\"ann\"");
    ask(rbac, "bob", "team", "get", "n",
        "RBAC: allowed by ClusterRoleBinding \"readers\" of ClusterRole \"reader\" to Group "
        "\"team\"");
    ask(rbac, "team", "ann", "get", "n", "");
    ask(rbac, "ann", "g", "delete", "n", "");

    put(rbac, RBAC_ROLES, "n", "cleaner",
        "{rules: [{verbs: [delete], apiGroups: [mot.dev], resources: [things]}]}");
    put(rbac, RBAC_ROLE_BINDINGS, "n", "cleaners",
        "{roleRef: {kind: Role, name: cleaner}, subjects: [{kind: User, name: bob}, {kind: "
        "ServiceAccount, name: sa}, {kind: ServiceAccount, name: sa, namespace: other}]}");
    ask(rbac, "bob", "g", "delete", "n",
        "RBAC: allowed by RoleBinding \"cleaners/n\" of Role \"cleaner\" to User \"bob\"");
    ask(rbac, "bob", "g", "delete", "m", "");
    ask(rbac, "bob", "g", "delete", "", "");
    ask(rbac, "system:serviceaccount:n:sa", "g", "delete", "n",
        "RBAC: allowed by RoleBinding \"cleaners/n\" of Role \"cleaner\" to ServiceAccount "
        "\"sa/n\"");
    ask(rbac, "system:serviceaccount:other:sa", "g", "delete", "n",
        "RBAC: allowed by RoleBinding \"cleaners/n\" of Role \"cleaner\" to ServiceAccount "
        "\"sa/other\"");
    ask(rbac, "system:serviceaccount:third:sa", "g", "delete", "n", "");
    rbac_free(rbac);
}

static void test_changes(void **state)
{
    (void)state;
    struct rbac *rbac = rbac_new();
    put(rbac, RBAC_ROLE_BINDINGS, "n", "b",
        "{roleRef: {kind: ClusterRole, name: reader}, subjects: [{kind: User, name: ann}]}");
    ask(rbac, "ann", "g", "get", "n",
        "RBAC: clusterrole.rbac.authorization.k8s.io \"reader\" not found");
    put(rbac, RBAC_ROLE_BINDINGS, "n", "c",
        "{roleRef: {kind: Role, name: reader}, subjects: [{kind: User, name: ann}]}");
    ask(rbac, "ann", "g", "get", "n",
        "RBAC: [clusterrole.rbac.authorization.k8s.io \"reader\" not found, "
        "role.rbac.authorization.k8s.io \"reader\" not found]");
    put(rbac, RBAC_CLUSTER_ROLES, "", "reader", "{rules: [" THINGS "]}");
    ask(rbac, "ann", "g", "get", "n",
        "RBAC: allowed by RoleBinding \"b/n\" of ClusterRole \"reader\" to User \"ann\"");
    put(rbac, RBAC_ROLE_BINDINGS, "n", "c", NULL);
    put(rbac, RBAC_CLUSTER_ROLES, "", "reader", "{rules: null}");
    ask(rbac, "ann", "g", "get", "n", "");
    put(rbac, RBAC_CLUSTER_ROLES, "", "reader", "{rules: [" THINGS "]}");
    put(rbac, RBAC_ROLE_BINDINGS, "n", "b",
        "{roleRef: {kind: ClusterRole, name: reader}, subjects: [{kind: User, name: bob}]}");
    ask(rbac, "ann", "g", "get", "n", "");
    ask(rbac, "bob", "g", "get", "n", NULL);
    put(rbac, RBAC_ROLE_BINDINGS, "n", "b", NULL);
    ask(rbac, "bob", "g", "get", "n", "");
    rbac_free(rbac);
}

static void test_listing(void **state)
{
    (void)state;
    struct rbac *rbac = rbac_new();
    put(rbac, RBAC_CLUSTER_ROLES, "", "reader", "{rules: [" THINGS ", " URLS "]}");
    put(rbac, RBAC_CLUSTER_ROLE_BINDINGS, "", "b",
        "{roleRef: {kind: ClusterRole, name: reader}, subjects: [{kind: User, name: ann}, {kind: "
        "Group, name: g}]}");
    put(rbac, RBAC_ROLE_BINDINGS, "n", "c",
        "{roleRef: {kind: Role, name: gone}, subjects: [{kind: User, name: ann}]}");
    struct identity user = somebody("ann", "g");
    char *errors = NULL;
    json_t *rules = rbac_rules(rbac, &user, "n", &errors);
    assert_int_equal(json_array_size(rules), 2);
    assert_string_equal(errors, "role.rbac.authorization.k8s.io \"gone\" not found");
    free(errors);
    json_decref(rules);
    rules = rbac_rules(rbac, &user, "", &errors);
    assert_int_equal(json_array_size(rules), 2);
    assert_null(errors);
    json_decref(rules);
    assert_null(rbac_role_rules(rbac, RBAC_ROLES, "n", "gone"));
    assert_int_equal(json_array_size(rbac_role_rules(rbac, RBAC_CLUSTER_ROLES, "", "reader")), 2);
    identity_release(&user);
    rbac_free(rbac);
}

/* -------------------------------------------------------------------------------- aggregation */

#define SELECTS(label) "aggregationRule: {clusterRoleSelectors: [{matchLabels: {" label ": v}}]}"

static void expect_rules(struct rbac *rbac, const char *name, const char *rules)
{
    json_t *expected = value(rules);
    assert_true(json_same(rbac_role_rules(rbac, RBAC_CLUSTER_ROLES, "", name), expected));
    json_decref(expected);
}

static void test_aggregation(void **state)
{
    (void)state;
    struct rbac *rbac = rbac_new();
    put(rbac, RBAC_CLUSTER_ROLES, "", "admin", "{" SELECTS("a") "}");
    expect_rules(rbac, "admin", "[]");
    put(rbac, RBAC_CLUSTER_ROLES, "", "edit", "{metadata: {labels: {a: v}}, " SELECTS("e") "}");
    put(rbac, RBAC_CLUSTER_ROLES, "", "one",
        "{metadata: {labels: {e: v}}, rules: [" THINGS ", " NAMED "]}");
    put(rbac, RBAC_CLUSTER_ROLES, "", "two",
        "{metadata: {labels: {a: v, e: v}}, rules: [" NAMED "]}");
    expect_rules(rbac, "edit", "[" THINGS ", " NAMED "]");
    expect_rules(rbac, "admin", "[" NAMED ", " THINGS "]");

    json_t *unsettled = rbac_unsettled(rbac);
    assert_int_equal(json_array_size(unsettled), 2);
    json_decref(unsettled);
    put(rbac, RBAC_CLUSTER_ROLES, "", "admin",
        "{" SELECTS("a") ", rules: [" NAMED ", " THINGS "]}");
    put(rbac, RBAC_CLUSTER_ROLES, "", "edit",
        "{metadata: {labels: {a: v}}, " SELECTS("e") ", rules: [" THINGS ", " NAMED "]}");
    assert_null(rbac_unsettled(rbac));

    put(rbac, RBAC_CLUSTER_ROLES, "", "one", NULL);
    put(rbac, RBAC_CLUSTER_ROLES, "", "two", "{metadata: {labels: {a: v}}, rules: [" NAMED "]}");
    expect_rules(rbac, "edit", "[]");
    expect_rules(rbac, "admin", "[" NAMED "]");
    rbac_free(rbac);
}

static void test_aggregation_cycle(void **state)
{
    (void)state;
    struct rbac *rbac = rbac_new();
    put(rbac, RBAC_CLUSTER_ROLES, "", "a", "{metadata: {labels: {x: v}}, " SELECTS("z") "}");
    put(rbac, RBAC_CLUSTER_ROLES, "", "b", "{metadata: {labels: {z: v}}, " SELECTS("x") "}");
    put(rbac, RBAC_CLUSTER_ROLES, "", "c", "{metadata: {labels: {x: v}}, rules: [" THINGS "]}");
    expect_rules(rbac, "a", "[" THINGS "]");
    expect_rules(rbac, "b", "[" THINGS "]");
    put(rbac, RBAC_CLUSTER_ROLES, "", "d", "{aggregationRule: {}, rules: [" NAMED "]}");
    expect_rules(rbac, "d", "[" NAMED "]");
    put(rbac, RBAC_CLUSTER_ROLES, "", "e",
        "{aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: x, operator: "
        "Bad}]}]}, "
        "rules: [" NAMED "]}");
    expect_rules(rbac, "e", "[]");
    rbac_free(rbac);
}

/* -------------------------------------------------------------------------------- defaults */

static const struct {
    const char *present, *wanted;
    const char *result; /* NULL: nothing changes */
} growth[] = {
    {"{metadata: {name: x}, rules: []}", "{metadata: {name: x}, rules: [" THINGS "]}",
     "{metadata: {name: x}, rules: [{apiGroups: [mot.dev], resources: [things], verbs: [get, "
     "list]}]}"},
    {"{metadata: {name: x}, rules: [" ALL "]}", "{metadata: {name: x}, rules: [" THINGS "]}", NULL},
    {"{metadata: {annotations: {" ROLES_AUTOUPDATE ": 'false'}}, rules: []}",
     "{rules: [" THINGS "]}", NULL},
    {"{metadata: {labels: {a: mine}}}", "{metadata: {labels: {a: b, c: d}}}",
     "{metadata: {labels: {a: mine, c: d}}}"},
    {"{rules: [" THINGS "], " SELECTS("a") "}", "{" SELECTS("b") "}",
     "{rules: [" THINGS "], aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: v}}, "
     "{matchLabels: {b: v}}]}}"},
    {"{subjects: [{kind: User, name: mine}]}", "{subjects: [{kind: Group, name: g}]}",
     "{subjects: [{kind: User, name: mine}, {kind: Group, name: g}]}"},
    {"{metadata: {}}", "{subjects: [{kind: Group, name: g}]}",
     "{metadata: {}, subjects: [{kind: Group, name: g}]}"},
};

static void test_growth(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(growth); i++) {
        json_t *object = value(growth[i].present);
        json_t *wanted = value(growth[i].wanted);
        json_t *result = value(growth[i].result ? growth[i].result : growth[i].present);
        print_message("%zu: %s\n", i, growth[i].present);
        assert_int_equal(roles_reconcile(object, wanted), growth[i].result != NULL);
        assert_true(json_same(object, result));
        assert_false(roles_reconcile(object, wanted));
        json_decref(object);
        json_decref(wanted);
        json_decref(result);
    }
}

/* -------------------------------------------------------------------------------- texts */

static void test_forbidden_text(void **state)
{
    (void)state;
    struct identity user = somebody("a<b>", "g");
    struct attributes attributes = attributes_of(&user, "get", "mot.dev", "things", "n", "x");
    AUTO_FREE char *namespaced = attributes_forbidden_text(&attributes);
    assert_string_equal(namespaced, "User \"a&lt;b&gt;\" cannot get resource \"things\" in API "
                                    "group \"mot.dev\" in the namespace \"n\"");
    attributes.ns = "";
    attributes.subresource = "status";
    AUTO_FREE char *cluster = attributes_forbidden_text(&attributes);
    assert_string_equal(cluster, "User \"a&lt;b&gt;\" cannot get resource \"things/status\" in API "
                                 "group \"mot.dev\" at the cluster scope");
    attributes.path = "/x";
    AUTO_FREE char *path = attributes_forbidden_text(&attributes);
    assert_string_equal(path, "User \"a&lt;b&gt;\" cannot get path \"/x\"");
    identity_release(&user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching),    cmocka_unit_test(test_escalation),
        cmocka_unit_test(test_large_rule),  cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_changes),     cmocka_unit_test(test_listing),
        cmocka_unit_test(test_aggregation), cmocka_unit_test(test_aggregation_cycle),
        cmocka_unit_test(test_growth),      cmocka_unit_test(test_forbidden_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
