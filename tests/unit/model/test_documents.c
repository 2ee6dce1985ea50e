#include "support.h"

#include <api/documents/accept.h>
#include <api/documents/documents.h>
#include <api/documents/groups.h>

#define AGGREGATED "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
#define PROTOBUF   "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"

struct world {
    struct kinds *kinds;
    struct documents *documents;
};

static int build(void **state)
{
    static struct world world;
    struct err err = {0};
    world.kinds = kinds_load(&err);
    world.documents = documents_new(world.kinds, &err);
    *state = &world;
    return world.documents ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    documents_free(world->documents);
    kinds_free(world->kinds);
    return 0;
}

/* Status 0: no such document. The caller releases. */
static struct http_response get(const struct world *world, const char *path, const char *query,
                                const char *accept, const char *if_none_match)
{
    const struct http_header headers[] = {{"accept", accept},
                                          {"if-none-match", if_none_match ? if_none_match : ""}};
    struct http_request request = {.method = "GET",
                                   .path = path,
                                   .query = query,
                                   .headers = headers,
                                   .header_count = if_none_match ? 2 : 1};
    struct http_response response = {0};
    buf_init(&response.headers, 1 << 16);
    buf_init(&response.body, 1 << 24);
    if (!documents_serve(world->documents, &request, &response))
        response.status = 0;
    return response;
}

static void release(struct http_response *response)
{
    buf_release(&response->headers);
    buf_release(&response->body);
}

static json_t *get_json(const struct world *world, const char *path, const char *accept)
{
    struct err err;
    struct http_response response = get(world, path, "", accept, NULL);
    if (response.status != 200)
        fail_msg("%s: %d", path, response.status);
    json_t *value = json_parse(response.body.data, response.body.len, true, &err);
    release(&response);
    return value;
}

static void serves_all_paths(void **state)
{
    static const struct {
        const char *path, *accept, *type;
        int status;
    } cases[] = {
        {"/api", "", "application/json", 200},
        {"/api/", "*/*", "application/json", 200},
        {"/apis", "application/json, */*", "application/json", 200},
        {"/apis", AGGREGATED ",application/json", AGGREGATED, 200},
        {"/apis",
         "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/"
         "json",
         "application/json", 200},
        {"/apis", "application/json;as=Nope", "application/json", 406},
        {"/apis/mot.dev", "", "application/json", 200},
        {"/apis/mot.dev/v1alpha1", "", "application/json", 200},
        {"/api/v1", "", "application/json", 200},
        {"/apis/nope", "", NULL, 0},
        {"/openapi/v2", "application/json", "application/json", 200},
        {"/openapi/v2", PROTOBUF, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
         200},
        {"/openapi/v2", "text/html", "application/json", 406},
        {"/swagger-2.0.0.pb-v1", "text/html",
         "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", 200},
        {"/openapi/v3", "application/json", "application/json", 200},
        {"/openapi/v3/api/v1", "", "application/json", 200},
        {"/openapi/v3/apis/mot.dev/v1alpha1", "", "application/json", 200},
        {"/openapi/v3/apis/nope/v1", "", NULL, 0},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct http_response response = get(*state, cases[i].path, "", cases[i].accept, NULL);
        if (response.status != cases[i].status)
            fail_msg("%s: %d", cases[i].path, response.status);
        if (cases[i].type)
            expect_text(response.content_type, cases[i].type, cases[i].path);
        release(&response);
    }
}

static void names_resources(void **state)
{
    json_t *list = get_json(*state, "/apis/mot.dev/v1alpha1", "");
    expect_json(
        json_incref(json_array_get(json_at(list, "resources"), 1)),
        "{'name':'deployments/"
        "status','singularName':'','namespaced':true,'kind':'Deployment','verbs':['get','patch',"
        "'update']}",
        "status");
    json_decref(list);
    list = get_json(*state, "/api", AGGREGATED);
    const json_t *group = json_array_get(json_at(list, "items"), 0);
    assert_null(json_at(group, "metadata.name"));
    const json_t *resource =
        json_array_get(json_at(json_array_get(json_at(group, "versions"), 0), "resources"), 0);
    assert_string_equal(json_at_text(resource, "resource"), "namespaces");
    assert_string_equal(json_at_text(resource, "scope"), "Cluster");
    json_decref(list);
}

static void caches(void **state)
{
    struct http_response first = get(*state, "/apis", "", "", NULL);
    char etag[64];
    const char *start = strstr(first.headers.data, "ETag: ") + 6;
    snprintf(etag, sizeof(etag), "%.34s", start);
    release(&first);
    struct http_response second = get(*state, "/apis", "", "", etag);
    assert_int_equal(second.status, 304);
    assert_int_equal(second.body.len, 0);
    release(&second);
    struct http_response other = get(*state, "/apis", "", AGGREGATED, etag);
    assert_int_equal(other.status, 200);
    release(&other);
}

static void follows_hashes(void **state)
{
    json_t *index = get_json(*state, "/openapi/v3", "");
    const char *url =
        json_at_text(json_object_get(json_object_get(index, "paths"), "apis/mot.dev/v1alpha1"),
                     "serverRelativeURL");
    const char *query = strchr(url, '?') + 1;
    struct http_response right =
        get(*state, "/openapi/v3/apis/mot.dev/v1alpha1", query, "application/json", NULL);
    assert_int_equal(right.status, 200);
    assert_non_null(strstr(right.headers.data, "Cache-Control: public, immutable"));
    assert_non_null(strstr(right.headers.data, "Expires: "));
    release(&right);
    struct http_response wrong =
        get(*state, "/openapi/v3/apis/mot.dev/v1alpha1", "hash=XX", "application/json", NULL);
    assert_int_equal(wrong.status, 301);
    assert_non_null(strstr(wrong.headers.data, url));
    release(&wrong);
    json_decref(index);
}

/* Every reference leads somewhere: clients refuse the whole document otherwise. */
static void check_refs(const json_t *value, const json_t *schemas, const char *prefix)
{
    const char *key;
    json_t *child;
    size_t index;
    json_t *copy = json_deep_copy(value);
    json_object_foreach(copy, key, child)
    {
        if (strcmp(key, "$ref") == 0) {
            assert_memory_equal(json_string_value(child), prefix, strlen(prefix));
            if (!json_object_get(schemas, json_string_value(child) + strlen(prefix)))
                fail_msg("%s leads nowhere", json_string_value(child));
        }
        check_refs(child, schemas, prefix);
    }
    json_array_foreach(copy, index, child)
    {
        check_refs(child, schemas, prefix);
    }
    json_decref(copy);
}

static void refers_to_what_is_there(void **state)
{
    json_t *v3 = get_json(*state, "/openapi/v3/apis/mot.dev/v1alpha1", "");
    check_refs(v3, json_at(v3, "components.schemas"), "#/components/schemas/");
    json_decref(v3);
    json_t *v2 = get_json(*state, "/openapi/v2", "application/json");
    check_refs(v2, json_at(v2, "definitions"), "#/definitions/");
    json_decref(v2);
}

static const json_t *operation(const json_t *document, const char *path, const char *method)
{
    return json_object_get(json_object_get(json_object_get(document, "paths"), path), method);
}

static void offers_patches(void **state)
{
    static const char path[] = "/apis/mot.dev/v1alpha1/namespaces/{namespace}/deployments/{name}";
    json_t *v3 = get_json(*state, "/openapi/v3/apis/mot.dev/v1alpha1", "");
    const json_t *patch = operation(v3, path, "patch");
    const json_t *content = json_at(patch, "requestBody.content");
    assert_non_null(json_object_get(content, "application/merge-patch+json"));
    assert_null(json_object_get(content, "application/strategic-merge-patch+json"));
    assert_string_equal(json_at_text(patch, "x-kubernetes-action"), "patch");
    expect_json(json_incref(json_at(patch, "x-kubernetes-group-version-kind")),
                "{'group':'mot.dev','version':'v1alpha1','kind':'Deployment'}", "kind");
    assert_string_equal(json_at_text(patch, "operationId"),
                        "patchMotDevV1alpha1NamespacedDeployment");
    json_decref(v3);
    json_t *v2 = get_json(*state, "/openapi/v2", "application/json");
    patch = operation(v2, path, "patch");
    expect_json(json_incref(json_at(patch, "consumes")),
                "['application/json-patch+json','application/merge-patch+json']", "consumes");
    const json_t *definition =
        json_object_get(json_object_get(v2, "definitions"), "dev.mot.v1alpha1.Deployment");
    assert_string_equal(json_at_text(definition, "properties.metadata.$ref"),
                        "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    assert_null(
        json_at(definition, "properties.spec.properties.strategy.properties.maxSurge.type"));
    assert_null(json_at(definition, "properties.spec.properties.strategy.default"));
    json_decref(v2);
}

static void orders_versions(void **state)
{
    (void)state;
    static const char *const ordered[] = {"v10",      "v2",      "v1",        "v11beta2",
                                          "v10beta3", "v3beta1", "v12alpha1", "v11alpha2",
                                          "foo1",     "foo10"};
    for (size_t i = 1; i < MOT_ARRAY_SIZE(ordered); i++) {
        assert_true(compare_versions(ordered[i - 1], ordered[i]) < 0);
        assert_true(compare_versions(ordered[i], ordered[i - 1]) > 0);
    }
    assert_int_equal(compare_versions("v1", "v1"), 0);
}

static void chooses_by_accept(void **state)
{
    (void)state;
    static const struct offer offers[] = {
        {"application/json", ""}, {"application/json", "as=T;v=v1"}, {"text/plain", ""}};
    static const struct {
        const char *accept;
        int chosen;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"*/*", 0},
        {"text/*", 2},
        {"text/plain, application/json", 2},
        {"text/plain;q=0.5, application/json", 0},
        {"application/json;v=v1;as=T", 1},
        {"application/json; as=T ;v=v1;q=0.9, text/plain;q=0.1", 1},
        {"application/json;as=T", -1},
        {"application/json;as=U, text/plain", 2},
        {"application/json;charset=utf-8", 0},
        {"text/plain;q=0", -1},
        {"image/png", -1},
        {",,", -1},
        {";;;", -1},
        {"application/json;a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9", -1},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        int chosen = accept_choose(cases[i].accept, offers, MOT_ARRAY_SIZE(offers));
        if (chosen != cases[i].chosen)
            fail_msg("%s: %d", cases[i].accept ? cases[i].accept : "(null)", chosen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_all_paths),
        cmocka_unit_test(names_resources),
        cmocka_unit_test(caches),
        cmocka_unit_test(follows_hashes),
        cmocka_unit_test(refers_to_what_is_there),
        cmocka_unit_test(offers_patches),
        cmocka_unit_test(orders_versions),
        cmocka_unit_test(chooses_by_accept),
    };
    return cmocka_run_group_tests(tests, build, tear_down);
}
