/* Who may do what, and what it says when they may not: roles, bindings, escalation, default roles.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "api/request.h"

/* cmocka.h must come after these */
#include <cmocka.h>

#include "access.h"
#include "api/auth/authorize.h"

static const struct {
    const char *user, *method, *target, *body;
    int code;
} rights[] = {
    /* cluster-wide nobody has anything but discovery */
    {"ann", "GET", "/api/v1/namespaces", NULL, 403},
    {"ann", "GET", "/apis", NULL, 200},
    {"ann", "GET", "/apis/mot.dev/v1alpha1", NULL, 200},
    {"ann", "GET", "/version", NULL, 200},
    {"ann", "GET", "/nowhere", NULL, 403},
    {"ann", "GET", "/apis/mot.dev/v1alpha1/nothings", NULL, 403},
    {NULL, "GET", "/nowhere", NULL, 404},
    {"ann", "GET", "/apis/mot.dev/v1alpha1/deployments", NULL, 403},
    /* admin, edit, view and none in their namespace */
    {"ann", "GET", TEAM "/deployments", NULL, 200},
    {"eve,editors", "GET", TEAM "/deployments", NULL, 200},
    {"vic", "GET", TEAM "/deployments", NULL, 200},
    {"nik", "GET", TEAM "/deployments", NULL, 403},
    {"nik", "GET", TEAM "/deployments?watch=1", NULL, 403},
    {"vic", "GET", "/api/v1/namespaces/team", NULL, 200},
    {"vic", "GET", "/api/v1/namespaces/other", NULL, 403},
    {"vic", "GET", "/apis/mot.dev/v1alpha1/namespaces/other/deployments", NULL, 403},
    {"vic", "POST", TEAM "/deployments", "{}", 403},
    {"eve,editors", "POST", TEAM "/deployments", "{}", 400},
    {"eve,editors", "DELETE", TEAM "/deployments/web", NULL, 404},
    {"eve,editors", "DELETE", TEAM "/instances/web", NULL, 403},
    {"eve,editors", "DELETE", TEAM "/deployments", NULL, 200},
    {"vic", "DELETE", TEAM "/deployments", NULL, 403},
    {"eve,editors", "PATCH", TEAM "/deployments/web/scale", "{}", 404},
    {"eve,editors", "PATCH", TEAM "/deployments/web/status", "{}", 403},
    {"eve,editors", "GET", RBAC "/namespaces/team/roles", NULL, 403},
    {"ann", "GET", RBAC "/namespaces/team/roles", NULL, 200},
    {"ann", "GET", RBAC "/clusterroles", NULL, 403},
    /* resourceNames */
    {"uma", "GET", LEASES "/one", NULL, 200},
    {"uma", "GET", LEASES "/two", NULL, 403},
    {"uma", "GET", LEASES, NULL, 403},
    {"uma", "GET", LEASES "?fieldSelector=metadata.name%3Done", NULL, 200},
    {"uma", "GET", LEASES "?fieldSelector=metadata.name%3Dtwo", NULL, 403},
    {"uma", "POST", LEASES, LEASE("three"), 403},
    {"uma", "PATCH", LEASES "/one", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}", 200},
    {"uma", "DELETE", LEASES "/one", NULL, 403},
    /* subresources */
    {"sam", "PATCH", TEAM "/deployments/web/scale", "{}", 404},
    {"sam", "PATCH", TEAM "/deployments/web/status", "{}", 404},
    {"sam", "PATCH", TEAM "/deployments/web", "{}", 403},
    {"sam", "GET", TEAM "/deployments/web", NULL, 403},
    /* paths */
    {"max", "GET", "/openapi/v3", NULL, 200},
    {"nik", "GET", "/metrics", NULL, 403},
    {"nik", "GET", "/healthz", NULL, 200},
    {"nik", "GET", "/readyz/ping", NULL, 403},
    {"nik", "POST", "/healthz", "", 403},
};

static void test_access(void **state)
{
    (void)state;
    struct server *server = start_with_users("rights");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rights); i++) {
        print_message("%s %s %s\n", rights[i].user ? rights[i].user : "-", rights[i].method,
                      rights[i].target);
        expect(server, rights[i].code, rights[i].user, rights[i].method, rights[i].target,
               rights[i].body);
    }
    server_stop(server);
}

static void test_texts(void **state)
{
    (void)state;
    struct server *server = start_with_users("texts");
    expect_message(server, 403, "nik", "GET", TEAM "/deployments/web", NULL,
                   "deployments.mot.dev \"web\" is forbidden: User \"nik\" cannot get resource "
                   "\"deployments\" in API group \"mot.dev\" in the namespace \"team\"");
    expect_message(server, 403, "nik", "GET", "/apis/mot.dev/v1alpha1/regions", NULL,
                   "regions.mot.dev is forbidden: User \"nik\" cannot list resource \"regions\" in "
                   "API group \"mot.dev\" at the cluster scope");
    expect_message(server, 403, "nik", "POST", "/api/v1/namespaces", "{}",
                   "namespaces is forbidden: User \"nik\" cannot create resource \"namespaces\" in "
                   "API group \"\" at the cluster scope");
    expect_message(server, 403, "nik", "PATCH", TEAM "/deployments/web/scale", "{}",
                   "deployments.mot.dev \"web\" is forbidden: User \"nik\" cannot patch resource "
                   "\"deployments/scale\" in API group \"mot.dev\" in the namespace \"team\"");
    expect_message(server, 403, "nik", "GET", "/nowhere", NULL,
                   "forbidden: User \"nik\" cannot get path \"/nowhere\"");
    bind_role(server, "team", "broken", "{kind: Role, name: gone}", "{kind: User, name: bea}");
    expect_message(server, 403, "bea", "GET", TEAM "/deployments", NULL,
                   "deployments.mot.dev is forbidden: User \"bea\" cannot list resource "
                   "\"deployments\" in API group \"mot.dev\" in the namespace \"team\": RBAC: "
                   "role.rbac.authorization.k8s.io \"gone\" not found");
    struct answer answer = ask(server, "nik", "GET", TEAM "/deployments/web", NULL);
    assert_string_equal(text_at(answer.body, "reason"), "Forbidden");
    assert_string_equal(text_at(answer.body, "details.name"), "web");
    assert_string_equal(text_at(answer.body, "details.group"), "mot.dev");
    assert_string_equal(text_at(answer.body, "details.kind"), "deployments");
    assert_non_null(strstr(answer.headers, "X-Content-Type-Options: nosniff"));
    answer_release(&answer);
    server_stop(server);
}

static void test_change_holds_at_once(void **state)
{
    (void)state;
    struct server *server = start_with_users("change");
    for (int i = 0; i < 20; i++) {
        bind_role(server, "team", "late", "{kind: ClusterRole, name: view}",
                  "{kind: User, name: nik}");
        expect(server, 200, "nik", "GET", TEAM "/deployments", NULL);
        expect(server, 200, NULL, "DELETE", RBAC "/namespaces/team/rolebindings/late", NULL);
        expect(server, 403, "nik", "GET", TEAM "/deployments", NULL);
    }
    expect(server, 200, NULL, "PATCH", RBAC "/namespaces/team/roles/one-lease",
           "{\"rules\":[{\"apiGroups\":[\"coordination.k8s.io\"],\"resources\":[\"leases\"],"
           "\"verbs\":[\"list\"]}]}");
    expect(server, 200, "uma", "GET", LEASES, NULL);
    expect(server, 403, "uma", "GET", LEASES "/one", NULL);
    server_stop(server);
}

/* -------------------------------------------------------------------------------- escalation */

static void test_escalation(void **state)
{
    (void)state;
    static const char role[] = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n"
                               "metadata: {name: r}\nrules: [{apiGroups: [mot.dev], resources: "
                               "[deployments, regions/x], verbs: [get, approve]}]\n";
    static const char modest[] = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n"
                                 "metadata: {name: r}\nrules: [{apiGroups: [mot.dev], resources: "
                                 "[deployments], verbs: [get, delete]}]\n";
    struct server *server = start_with_users("escalation");
    const char *roles = RBAC "/namespaces/team/roles";
    const char *bindings = RBAC "/namespaces/team/rolebindings";
    expect_message(server, 403, "ann", "POST", roles, role,
                   "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"ann\" "
                   "(groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions "
                   "not currently held:\n"
                   "{APIGroups:[\"mot.dev\"], Resources:[\"deployments\"], Verbs:[\"approve\"]}\n"
                   "{APIGroups:[\"mot.dev\"], Resources:[\"regions/x\"], Verbs:[\"approve\"]}");
    expect(server, 201, "ann", "POST", roles, modest);
    expect(server, 403, "ann", "PUT", RBAC "/namespaces/team/roles/r", role);
    expect(server, 200, NULL, "PUT", RBAC "/namespaces/team/roles/r", role);
    /* what somebody greater has granted may be kept, and bound only by who has it */
    expect(server, 200, "ann", "PATCH", RBAC "/namespaces/team/roles/r",
           "{\"metadata\":{\"finalizers\":[\"a.b/c\"]}}");
    expect(server, 403, "ann", "PATCH", RBAC "/namespaces/team/roles/r",
           "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}");
#define BINDING(name, kind, role)                                                                  \
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: " name          \
    "}\nroleRef: {kind: " kind ", name: " role "}\nsubjects: [{kind: User, name: bob}]\n"
    expect(server, 403, "ann", "POST", bindings, BINDING("b", "Role", "r"));
    expect(server, 201, "ann", "POST", bindings, BINDING("b", "ClusterRole", "view"));
    expect(server, 403, "ann", "POST", bindings, BINDING("c", "ClusterRole", "cluster-admin"));
    expect_message(server, 404, "ann", "POST", bindings, BINDING("d", "ClusterRole", "gone"),
                   "clusterroles.rbac.authorization.k8s.io \"gone\" not found");

    /* the verbs that allow it all the same */
    add_role(server, "team", "giver",
             "{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: "
             "[cluster-admin], verbs: [bind]}, {apiGroups: [rbac.authorization.k8s.io], resources: "
             "[roles], verbs: [escalate]}");
    bind_role(server, "team", "giver", "{kind: Role, name: giver}", "{kind: User, name: ann}");
    expect(server, 201, "ann", "POST", bindings, BINDING("c", "ClusterRole", "cluster-admin"));
    expect(server, 403, "ann", "POST", bindings, BINDING("e", "Role", "r"));
    expect(server, 200, "ann", "PUT", RBAC "/namespaces/team/roles/r", role);
    server_stop(server);
}

static void test_aggregation_rule_is_for_admins(void **state)
{
    (void)state;
    static const char role[] =
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\n"
        "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n";
    struct server *server = start_with_users("aggregation_rule");
    add_role(server, "", "role-writer",
             "{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: "
             "[create, update]}");
    bind_role(server, "", "writers", "{kind: ClusterRole, name: role-writer}",
              "{kind: User, name: wil}");
    expect_message(server, 403, "wil", "POST", RBAC "/clusterroles", role,
                   "clusterroles.rbac.authorization.k8s.io \"all\" is forbidden: must have "
                   "cluster-admin privileges to use the aggregationRule");
    bind_role(server, "", "root", "{kind: ClusterRole, name: cluster-admin}",
              "{kind: User, name: wil}");
    expect(server, 201, "wil", "POST", RBAC "/clusterroles", role);
    server_stop(server);
}

/* -------------------------------------------------------------------------------- validation */

static const struct {
    const char *target, *body, *message;
} invalid[] = {
    {RBAC "/namespaces/team/roles",
     "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: x}, rules: [{}]}",
     "Role.rbac.authorization.k8s.io \"x\" is invalid: [rules[0].verbs: Required value: verbs must "
     "contain at least one value, rules[0].apiGroups: Required value: resource rules must supply "
     "at "
     "least one api group, rules[0].resources: Required value: resource rules must supply at least "
     "one resource]"},
    {RBAC "/namespaces/team/roles",
     "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: x}, rules: [{verbs: "
     "[get], nonResourceURLs: [/x], resources: [things]}]}",
     "Role.rbac.authorization.k8s.io \"x\" is invalid: [rules[0].nonResourceURLs: Invalid value: "
     "[\"/x\"]: namespaced rules cannot apply to non-resource URLs, rules[0].nonResourceURLs: "
     "Invalid value: [\"/x\"]: rules cannot apply to both regular resources and non-resource "
     "URLs]"},
    {RBAC "/clusterroles",
     "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a%b}}",
     "ClusterRole.rbac.authorization.k8s.io \"a%b\" is invalid: metadata.name: Invalid value: "
     "\"a%b\": may not contain '%'"},
    {RBAC "/clusterrolebindings",
     "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: x}, "
     "roleRef: {kind: Role, name: a/b}, subjects: [{kind: User}, {kind: ServiceAccount, name: a}, "
     "{kind: Robot, name: r}]}",
     "ClusterRoleBinding.rbac.authorization.k8s.io \"x\" is invalid: [roleRef.kind: Unsupported "
     "value: \"Role\": supported values: \"ClusterRole\", roleRef.name: Invalid value: \"a/b\": "
     "may "
     "not contain '/', subjects[0].name: Required value, subjects[0].name: Invalid value: \"\": "
     "user name cannot be empty, subjects[1].namespace: Required value, subjects[2].kind: "
     "Unsupported value: \"Robot\": supported values: \"ServiceAccount\", \"User\", \"Group\"]"},
};

static void test_validation(void **state)
{
    (void)state;
    struct server *server = start_with_users("validation");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(invalid); i++)
        expect_message(server, 422, NULL, "POST", invalid[i].target, invalid[i].body,
                       invalid[i].message);
    expect_message(server, 422, NULL, "PATCH", RBAC "/namespaces/team/rolebindings/viewers",
                   "{\"roleRef\":{\"name\":\"edit\"}}",
                   "RoleBinding.rbac.authorization.k8s.io \"viewers\" is invalid: roleRef: Invalid "
                   "value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\","
                   "\"Name\":\"edit\"}: cannot change roleRef");
    json_t *binding =
        expect_call(server, 200, "GET", RBAC "/namespaces/team/rolebindings/viewers", NULL);
    assert_string_equal(text_at(binding, "roleRef.apiGroup"), "rbac.authorization.k8s.io");
    const json_t *subject = json_array_get(json_object_get(binding, "subjects"), 0);
    assert_string_equal(text_at(subject, "apiGroup"), "rbac.authorization.k8s.io");
    json_decref(binding);
    server_stop(server);
}

/* -------------------------------------------------------------------------------- default roles */

/* Written by a thread: until it is so. */
static void await_rules(struct server *server, const char *role, size_t count)
{
    AUTO_FREE char *target = mem_printf(RBAC "/clusterroles/%s", role);
    size_t found = 0;
    for (int tries = 0; tries < 500; tries++) {
        json_t *object = expect_call(server, 200, "GET", target, NULL);
        found = json_array_size(json_object_get(object, "rules"));
        json_decref(object);
        if (found == count)
            return;
        usleep(10000);
    }
    fail_msg("%s has %zu rules", role, found);
}

static void test_default_roles(void **state)
{
    (void)state;
    struct server *server = access_start("defaults", NULL);
    await_rules(server, "view", 3);
    await_rules(server, "edit", 6);
    await_rules(server, "admin", 8);
    add_role(server, "", "more", "{apiGroups: [x.y], resources: [zs], verbs: [get]}");
    expect(server, 200, NULL, "PATCH", RBAC "/clusterroles/more",
           "{\"metadata\":{\"labels\":{\"rbac.authorization.k8s.io/aggregate-to-view\":"
           "\"true\"}}}");
    await_rules(server, "view", 4);
    await_rules(server, "admin", 9);
    expect(server, 200, NULL, "DELETE", RBAC "/clusterroles/more", NULL);
    await_rules(server, "admin", 8);

    /* what is missing grows again with the next start; what is more stays */
    expect(server, 200, NULL, "PATCH", RBAC "/clusterroles/system:basic-user", "{\"rules\":[]}");
    expect(server, 200, NULL, "PATCH", RBAC "/clusterroles/system:discovery",
           "{\"rules\":[],\"metadata\":{\"annotations\":{\"rbac.authorization.kubernetes.io/"
           "autoupdate\":\"false\"}}}");
    expect(server, 200, NULL, "DELETE", RBAC "/clusterrolebindings/system:discovery", NULL);
    expect(server, 200, NULL, "PATCH", RBAC "/clusterrolebindings/system:monitoring",
           "{\"subjects\":[{\"kind\":\"User\",\"name\":\"prometheus\"}]}");
    json_t *before = expect_call(server, 200, "GET", RBAC "/clusterroles/cluster-admin", NULL);
    struct err err = {0};
    api_free(server->api);
    const struct api_options options = {
        .store = server->store, .kinds = server->kinds, .open_to_all = true};
    server->api = api_new(&options, &err);
    assert_non_null(server->api);
    await_rules(server, "system:basic-user", 3);
    await_rules(server, "system:discovery", 0);
    expect(server, 200, NULL, "GET", RBAC "/clusterrolebindings/system:discovery", NULL);
    json_t *binding =
        expect_call(server, 200, "GET", RBAC "/clusterrolebindings/system:monitoring", NULL);
    assert_int_equal(json_array_size(json_object_get(binding, "subjects")), 2);
    json_decref(binding);
    json_t *after = expect_call(server, 200, "GET", RBAC "/clusterroles/cluster-admin", NULL);
    assert_true(json_same(before, after));
    json_decref(before);
    json_decref(after);
    server_stop(server);
}

/* -------------------------------------------------------------------------------- the index */

struct asker {
    struct authorizer *authorizer;
    atomic_bool stop;
    atomic_long asked;
};

/* What is always allowed is allowed at every moment, whatever else changes. */
static void *ask_on(void *context)
{
    struct asker *asker = context;
    struct identity user = identity_new("uma", "");
    struct attributes attributes =
        attributes_of(&user, "get", "coordination.k8s.io", "leases", "team", "one");
    while (!atomic_load(&asker->stop)) {
        char *errors = NULL;
        if (!authorizer_allows(asker->authorizer, &attributes, NULL))
            abort();
        json_decref(authorizer_rules(asker->authorizer, &user, "team", &errors));
        free(errors);
        atomic_fetch_add(&asker->asked, 1);
    }
    identity_release(&user);
    return NULL;
}

static void test_questions_while_roles_change(void **state)
{
    (void)state;
    struct server *server = start_with_users("asking");
    struct asker asker = {.authorizer = server->api->authorizer};
    pthread_t threads[4];
    for (size_t i = 0; i < MOT_ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &asker), 0);
    for (int i = 0; i < 30; i++) {
        bind_role(server, "team", "late", "{kind: ClusterRole, name: edit}",
                  "{kind: User, name: uma}");
        expect(server, 404, "uma", "DELETE", TEAM "/deployments/web", NULL);
        expect(server, 200, NULL, "DELETE", RBAC "/namespaces/team/rolebindings/late", NULL);
        expect(server, 403, "uma", "DELETE", TEAM "/deployments/web", NULL);
    }
    atomic_store(&asker.stop, true);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&asker.asked) > 0);
    server_stop(server);
}

/* Another server of the same database has written it. */
static void test_other_server(void **state)
{
    (void)state;
    struct server *server = start_with_users("two_servers");
    struct server *other = access_start("two_servers", NULL);
    expect(other, 403, "nik", "GET", TEAM "/deployments", NULL);
    bind_role(server, "team", "late", "{kind: ClusterRole, name: view}", "{kind: User, name: nik}");
    int code = 0;
    for (int tries = 0; tries < 500 && code != 200; tries++, usleep(10000)) {
        struct answer answer = ask(other, "nik", "GET", TEAM "/deployments", NULL);
        code = answer.code;
        answer_release(&answer);
    }
    assert_int_equal(code, 200);
    server_stop(other);
    server_stop(server);
}

/* What was known stays while the database is away, and what comes afterwards is seen. */
static void test_database_crashes(void **state)
{
    (void)state;
    struct server *server = start_with_users("crash");
    fixture_crash();
    expect(server, 201, "vic", "POST", ACCESS "/selfsubjectaccessreviews",
           SELF("{resourceAttributes: {verb: get, resource: x}}"));
    int code = 0;
    for (int tries = 0; tries < 1000 && code != 200; tries++, usleep(10000)) {
        struct answer answer = ask(server, "vic", "GET", TEAM "/deployments", NULL);
        code = answer.code;
        assert_int_not_equal(code, 403);
        answer_release(&answer);
    }
    assert_int_equal(code, 200);
    bind_role(server, "team", "late", "{kind: ClusterRole, name: view}", "{kind: User, name: nik}");
    for (int tries = 0; tries < 1000; tries++, usleep(10000)) {
        struct answer answer = ask(server, "nik", "GET", TEAM "/deployments", NULL);
        code = answer.code;
        answer_release(&answer);
        if (code == 200)
            break;
    }
    assert_int_equal(code, 200);
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_change_holds_at_once),
        cmocka_unit_test(test_escalation),
        cmocka_unit_test(test_aggregation_rule_is_for_admins),
        cmocka_unit_test(test_validation),
        cmocka_unit_test(test_default_roles),
        cmocka_unit_test(test_questions_while_roles_change),
        cmocka_unit_test(test_other_server),
        cmocka_unit_test(test_database_crashes),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
