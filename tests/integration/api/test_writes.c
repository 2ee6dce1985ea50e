/* Writes as they meet each other: applies, scales and deletions, many at a time, and what they
 * leave behind. How single answers look is compared with a real server in tests/conformance. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fixture.h"

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#define APPLY   "content-type: application/apply-patch+yaml"
#define THREADS 4

static struct server *begin(void)
{
    static int number;
    AUTO_FREE char *name = mem_printf("writes%d", ++number);
    AUTO_FREE char *url = fixture_database(name);
    return server_start(url, NULL);
}

/* Applies @spec (YAML in braces) as @manager; the body of an answer with @code. */
static json_t *apply(struct server *server, int code, const char *query, const char *name,
                     const char *spec)
{
    AUTO_FREE char *target = mem_printf(THINGS "/%s?%s", name, query);
    AUTO_FREE char *body = mem_printf("apiVersion: mot.dev/v1alpha1\nkind: Thing\nmetadata: {name: "
                                      "%s}\nspec: %s\n",
                                      name, spec);
    struct answer answer = call(server, "PATCH", target, APPLY, body);
    if (answer.code != code)
        fail_msg("%s %s: %d %s", target, spec, answer.code, answer.text);
    json_t *result = json_incref(answer.body);
    answer_release(&answer);
    return result;
}

static void test_apply(void **state)
{
    (void)state;
    struct server *server = begin();
    json_t *dry = apply(server, 201, "fieldManager=a&dryRun=All", "x", "{color: red}");
    assert_null(json_at(dry, "metadata.resourceVersion"));
    assert_non_null(json_at(dry, "metadata.uid"));
    json_t *first = apply(server, 201, "fieldManager=a", "x", "{color: red}");
    json_t *again = apply(server, 200, "fieldManager=a", "x", "{color: red}");
    assert_true(json_equal(first, again));
    json_t *refused = apply(server, 409, "fieldManager=b", "x", "{color: blue}");
    assert_string_equal(text_at(refused, "message"),
                        "Apply failed with 1 conflict: conflict with \"a\": .spec.color");
    json_t *forced = apply(server, 200, "fieldManager=b&force=true", "x", "{color: blue}");
    assert_string_equal(text_at(forced, "spec.color"), "blue");
    json_t *dropped = apply(server, 200, "fieldManager=b", "x", "{}");
    assert_null(json_at(dropped, "spec.color"));
    json_t *unknown = apply(server, 500, "fieldManager=b", "x", "{bogus: 1}");
    assert_null(json_at(unknown, "reason"));
    json_t *nameless = apply(server, 422, "", "x", "{}");
    assert_string_equal(text_at(nameless, "message"),
                        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: "
                        "is required for apply patch");
    json_t *all[] = {dry, first, again, refused, forced, dropped, unknown, nameless};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(all); i++)
        json_decref(all[i]);
    server_stop(server);
}

struct applier {
    struct server *server;
    int number;
    int codes[20];
};

/* Each round all threads apply a field of their own to the same object. */
static void *apply_rounds(void *context)
{
    static const char *const specs[THREADS] = {"{color: red}", "{size: 2}", "{text: x}", "{}"};
    struct applier *applier = context;
    for (size_t round = 0; round < MOT_ARRAY_SIZE(applier->codes); round++) {
        AUTO_FREE char *target =
            mem_printf(THINGS "/r%zu?fieldManager=m%d", round, applier->number);
        AUTO_FREE char *body =
            mem_printf("apiVersion: mot.dev/v1alpha1\nkind: Thing\nmetadata: {name: r%zu}\n"
                       "spec: %s\n",
                       round, specs[applier->number]);
        struct answer answer = call(applier->server, "PATCH", target, APPLY, body);
        applier->codes[round] = answer.code;
        answer_release(&answer);
    }
    return NULL;
}

/* One of them creates it, the others find it there: nobody sees a conflict. */
static void test_apply_races(void **state)
{
    (void)state;
    struct server *server = begin();
    struct applier appliers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        appliers[i] = (struct applier){.server = server, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, apply_rounds, &appliers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t round = 0; round < MOT_ARRAY_SIZE(appliers[0].codes); round++) {
        int created = 0;
        for (int i = 0; i < THREADS; i++) {
            created += appliers[i].codes[round] == 201;
            if (appliers[i].codes[round] != 201)
                assert_int_equal(appliers[i].codes[round], 200);
        }
        assert_int_equal(created, 1);
        AUTO_FREE char *target = mem_printf(THINGS "/r%zu", round);
        json_t *thing = expect_call(server, 200, "GET", target, NULL);
        assert_string_equal(text_at(thing, "spec.color"), "red");
        assert_int_equal(json_at_int(thing, "spec.size", 0), 2);
        assert_int_equal(json_array_size(json_at(thing, "metadata.managedFields")), THREADS);
        json_decref(thing);
    }
    server_stop(server);
}

static void test_scale(void **state)
{
    (void)state;
    struct server *server = begin();
    json_decref(apply(server, 201, "fieldManager=a", "x", "{size: 2}"));
    json_t *scale = expect_call(server, 200, "GET", THINGS "/x/scale", NULL);
    assert_string_equal(text_at(scale, "kind"), "Scale");
    assert_int_equal(json_at_int(scale, "spec.replicas", 0), 2);
    json_put(scale, "spec.replicas", json_integer(3));
    AUTO_FREE char *changed = json_text(scale);
    json_t *after = expect_call(server, 200, "PUT", THINGS "/x/scale?fieldManager=hpa", changed);
    assert_int_equal(json_at_int(after, "spec.replicas", 0), 3);
    json_t *stale = expect_call(server, 409, "PUT", THINGS "/x/scale", changed);
    json_t *conflict = apply(server, 409, "fieldManager=a", "x", "{size: 2}");
    assert_string_equal(text_at(conflict, "message"),
                        "Apply failed with 1 conflict: conflict with \"hpa\" with subresource "
                        "\"scale\" using mot.dev/v1alpha1: .spec.size");
    json_t *large =
        expect_call(server, 422, "PATCH", THINGS "/x/scale", "{\"spec\":{\"replicas\":11}}");
    assert_string_equal(text_at(large, "details.kind"), "Thing");
    json_t *none = expect_call(server, 404, "GET", THINGS "/y/scale", NULL);
    json_t *all[] = {scale, after, stale, conflict, large, none};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(all); i++)
        json_decref(all[i]);
    server_stop(server);
}

static void expect_finalizers(const json_t *object, const char *expected)
{
    const json_t *list = json_at(object, "metadata.finalizers");
    AUTO_FREE char *found = list ? json_text(list) : mem_strdup("[]");
    assert_string_equal(found, expected);
}

/* The last word counts, as long as the collector has not done its work. */
static void test_policies(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "x", "red");
    json_t *first =
        expect_call(server, 200, "DELETE", THINGS "/x", "{\"propagationPolicy\":\"Foreground\"}");
    expect_finalizers(first, "[\"foregroundDeletion\"]");
    assert_int_equal(json_at_int(first, "metadata.generation", 0), 2);
    json_t *same = expect_call(server, 200, "DELETE", THINGS "/x", NULL);
    assert_true(json_equal(first, same));
    json_t *other = expect_call(server, 200, "DELETE", THINGS "/x?propagationPolicy=Orphan", NULL);
    expect_finalizers(other, "[\"orphan\"]");
    assert_int_equal(json_at_int(other, "metadata.generation", 0), 2);
    json_t *gone = expect_call(server, 200, "DELETE", THINGS "/x?orphanDependents=false", NULL);
    assert_string_equal(text_at(gone, "status"), "Success");
    json_decref(expect_call(server, 404, "GET", THINGS "/x", NULL));
    json_t *all[] = {first, same, other, gone};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(all); i++)
        json_decref(all[i]);
    server_stop(server);
}

/* More than fit into one commit; those with finalizers are marked. */
static void test_collection(void **state)
{
    (void)state;
    struct server *server = begin();
    for (int i = 0; i < 600; i++) {
        AUTO_FREE char *name = mem_printf("t%03d", i);
        create_thing(server, name, i % 2 ? "red" : "blue");
        if (i % 100 == 1)
            patch_thing(server, name, "{\"metadata\":{\"finalizers\":[\"x.io/f\"]}}");
    }
    json_t *few =
        expect_call(server, 200, "DELETE", THINGS "?labelSelector=color%3Dblue&limit=10", NULL);
    assert_int_equal(json_array_size(json_at(few, "items")), 10);
    assert_non_null(json_at(few, "metadata.continue"));
    json_t *dry = expect_call(server, 200, "DELETE", THINGS "?dryRun=All", NULL);
    assert_int_equal(json_array_size(json_at(dry, "items")), 590);
    json_t *all = expect_call(server, 200, "DELETE", THINGS, NULL);
    assert_int_equal(json_array_size(json_at(all, "items")), 590);
    json_t *left = expect_call(server, 200, "GET", THINGS, NULL);
    assert_int_equal(json_array_size(json_at(left, "items")), 6);
    assert_non_null(
        json_at(json_array_get(json_at(left, "items"), 0), "metadata.deletionTimestamp"));
    json_t *again = expect_call(server, 200, "DELETE", THINGS, NULL);
    json_t *same = expect_call(server, 200, "GET", THINGS, NULL);
    assert_true(json_equal(json_at(left, "items"), json_at(same, "items")));
    json_t *bodies[] = {few, dry, all, left, again, same};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(bodies); i++)
        json_decref(bodies[i]);
    server_stop(server);
}

/* As kinds of Kubernetes itself may be: no generation, and a PUT of whatever there is. */
static void test_unconditional(void **state)
{
    (void)state;
    struct server *server = begin();
    json_t *made = expect_call(server, 201, "POST", "/api/v1/namespaces",
                               "{\"metadata\":{\"name\":\"team\"}}");
    assert_null(json_at(made, "metadata.generation"));
    json_t *changed = expect_call(server, 200, "PUT", "/api/v1/namespaces/team",
                                  "{\"metadata\":{\"name\":\"team\",\"labels\":{\"a\":\"b\"}}}");
    assert_string_equal(text_at(changed, "metadata.labels.a"), "b");
    assert_string_equal(text_at(changed, "metadata.uid"), text_at(made, "metadata.uid"));
    assert_int_equal(json_array_size(json_at(changed, "spec.finalizers")), 1);
    json_t *missing = expect_call(server, 404, "PUT", "/api/v1/namespaces/none",
                                  "{\"metadata\":{\"name\":\"none\"}}");
    json_decref(missing);
    json_decref(changed);
    json_decref(made);
    server_stop(server);
}

/* What managers own survives writes of others and is pretty on demand. */
static void test_managers(void **state)
{
    (void)state;
    struct server *server = begin();
    json_decref(apply(server, 201, "fieldManager=a", "x", "{color: red}"));
    struct answer answer = call(server, "PATCH", THINGS "/x/status",
                                "content-type: application/merge-patch+json\n"
                                "user-agent: watcher/1.0 (linux)",
                                "{\"status\":{\"seen\":1}}");
    assert_int_equal(answer.code, 200);
    const json_t *entry = json_array_get(json_at(answer.body, "metadata.managedFields"), 1);
    assert_string_equal(text_at(entry, "manager"), "watcher");
    assert_string_equal(text_at(entry, "subresource"), "status");
    answer_release(&answer);
    answer = call(server, "GET", THINGS "/x?pretty=true", NULL, NULL);
    assert_non_null(strstr(answer.text, "\n  \"spec\": {\n    \"color\": \"red\",\n"));
    assert_non_null(answer.body);
    answer_release(&answer);
    server_stop(server);
}

static struct server *begin_with_roles(void)
{
    struct err err = {0};
    AUTO_FREE char *url = fixture_database("writes_roles");
    struct server *server = mem_zalloc(sizeof(*server));
    const struct store_options options = {.url = url, .name = "mot-api-test"};
    server->store = store_open(&options, &err);
    server->kinds = kinds_load(&err);
    if (!server->store || !server->kinds)
        fail_msg("%s", err.message);
    const struct api_options all = {
        .store = server->store, .kinds = server->kinds, .open_to_all = true};
    server->api = api_new(&all, &err);
    if (!server->api)
        fail_msg("%s", err.message);
    return server;
}

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/default/leases"
#define RBAC   "/apis/rbac.authorization.k8s.io/v1/namespaces/default"

/* An apply that creates needs the right to create. */
static void test_apply_rights(void **state)
{
    (void)state;
    static const char lease[] = "{\"apiVersion\":\"coordination.k8s.io/"
                                "v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"one\"}}";
    struct server *server = begin_with_roles();
    json_decref(expect_call(server, 201, "POST", RBAC "/roles",
                            "{\"metadata\":{\"name\":\"patcher\"},\"rules\":[{\"apiGroups\":"
                            "[\"coordination.k8s.io\"],\"resources\":[\"leases\"],\"verbs\":"
                            "[\"patch\"]}]}"));
    json_decref(expect_call(server, 201, "POST", RBAC "/rolebindings",
                            "{\"metadata\":{\"name\":\"patcher\"},\"roleRef\":{\"apiGroup\":"
                            "\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"patcher\"},"
                            "\"subjects\":[{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":"
                            "\"User\",\"name\":\"uma\"}]}"));
    expect_failure(server, 403, "PATCH", LEASES "/one?fieldManager=a",
                   APPLY "\nimpersonate-user: uma", lease,
                   "leases.coordination.k8s.io \"one\" is forbidden: User \"uma\" cannot create "
                   "resource \"leases\" in API group \"coordination.k8s.io\" in the namespace "
                   "\"default\"");
    json_decref(expect_call(server, 201, "POST", LEASES, lease));
    struct answer answer =
        call(server, "PATCH", LEASES "/one?fieldManager=a", APPLY "\nimpersonate-user: uma", lease);
    assert_int_equal(answer.code, 200);
    answer_release(&answer);
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apply),      cmocka_unit_test(test_apply_races),
        cmocka_unit_test(test_scale),      cmocka_unit_test(test_policies),
        cmocka_unit_test(test_collection), cmocka_unit_test(test_unconditional),
        cmocka_unit_test(test_managers),   cmocka_unit_test(test_apply_rights),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
