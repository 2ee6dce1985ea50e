#include "support.h"

#include <api/documents/accept.h>
#include <api/documents/documents.h>
#include <api/documents/groups.h>
#include <api/documents/openapi.h>

#define AGGREGATED  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
#define PROTOBUF    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
#define V3_PROTOBUF "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"

#define AGGREGATED_BETA "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"

struct world {
    struct kinds *kinds;
    struct documents *documents;
};

/* A kind that has everything, and one that only answers. */
static const char more_kinds[] =
    "kind: CustomResourceDefinition\n"
    "spec:\n"
    "  group: t.dev\n"
    "  scope: Namespaced\n"
    "  names: {kind: Thing, listKind: ThingList, plural: things, singular: thing, shortNames: "
    "[th], categories: [all]}\n"
    "  versions:\n"
    "  - name: v1\n"
    "    subresources: {status: {}, scale: {specReplicasPath: .spec.num, statusReplicasPath: "
    ".status.num}}\n"
    "    selectableFields: [{jsonPath: .spec.num}]\n"
    "    schema:\n"
    "      openAPIV3Schema:\n"
    "        type: object\n"
    "        properties:\n"
    "          spec:\n"
    "            type: object\n"
    "            properties:\n"
    "              num: {type: integer}\n"
    "              set: {type: array, x-kubernetes-list-type: set, items: {type: string}}\n"
    "              map: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: "
    "[k], items: {type: object, required: [k], properties: {k: {type: string}}}}\n"
    "              atom: {type: object, x-kubernetes-map-type: atomic, properties: {a: {type: "
    "string}}}\n"
    "              ios: {x-kubernetes-int-or-string: true}\n"
    "              free: {type: object, x-kubernetes-preserve-unknown-fields: true}\n"
    "          status: {type: object, properties: {num: {type: integer}}}\n"
    "---\n"
    "kind: CustomResourceDefinition\n"
    "metadata: {annotations: {mot.dev/review: 'true'}}\n"
    "spec:\n"
    "  group: t.dev\n"
    "  scope: Cluster\n"
    "  names: {kind: Look, listKind: LookList, plural: looks, singular: look}\n"
    "  versions: [{name: v1, schema: {openAPIV3Schema: {type: object, properties: {rules: {type: "
    "array, items: {type: string}}}}}}]\n";

static int build(void **state)
{
    static struct world world;
    struct err err = {0};
    AUTO_FREE char *text = mem_strdup(more_kinds);
    const struct kind_file file = {"more", text, strlen(text)};
    world.kinds = kinds_load_with(&file, 1, &err);
    if (!world.kinds)
        fail_msg("%s", err.message);
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
    if (documents_have(world->documents, &request))
        documents_serve(world->documents, &request, &response);
    else
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
        {"/apis", AGGREGATED_BETA ",application/json", AGGREGATED_BETA, 200},
        {"/api", AGGREGATED_BETA, AGGREGATED_BETA, 200},
        {"/apis",
         "application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,application/json",
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
        {"/openapi/v3/api/v1", V3_PROTOBUF,
         "application/com.github.proto-openapi.spec.v3.v1.0+protobuf", 200},
        {"/openapi/v3/api/v1", "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
         "application/com.github.proto-openapi.spec.v3.v1.0+protobuf", 200},
        {"/openapi/v3/api/v1", PROTOBUF, "application/json", 406},
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

/* The element of @array whose member @key is @value; borrowed. */
static const json_t *find_by(const json_t *array, const char *key, const char *value)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        const char *text = json_string_value(json_object_get(item, key));
        if (text && strcmp(text, value) == 0)
            return item;
    }
    fail_msg("there is no %s %s", key, value);
    return NULL;
}

static void expect_resource(const json_t *list, const char *name, const char *expected)
{
    json_t *found = json_deep_copy(find_by(json_at(list, "resources"), "name", name));
    expect_json(found, expected, name);
}

static void names_resources(void **state)
{
    json_t *list = get_json(*state, "/apis/t.dev/v1", "");
    assert_int_equal(json_array_size(json_at(list, "resources")), 4);
    expect_resource(
        list, "things",
        "{'name':'things','singularName':'thing','namespaced':true,'kind':'Thing','"
        "verbs':['delete','deletecollection','get','list','patch','create','update','"
        "watch'],'shortNames':['th'],'categories':['all'],'storageVersionHash':'L5NBPiAPJI4='}");
    expect_resource(list, "things/status",
                    "{'name':'things/status','singularName':'','namespaced':true,'kind':'Thing','"
                    "verbs':['get','patch','update']}");
    expect_resource(list, "things/scale",
                    "{'name':'things/scale','singularName':'','namespaced':true,'group':'"
                    "autoscaling','version':'v1','kind':'Scale','verbs':['get','patch','update']}");
    expect_resource(list, "looks",
                    "{'name':'looks','singularName':'look','namespaced':false,'kind':'Look','"
                    "verbs':['create']}");
    json_decref(list);
    list = get_json(*state, "/api/v1", "");
    /* As a kube-apiserver says it. */
    static const char *const hashes[][3] = {
        {"/api/v1", "namespaces", "Q3oi5N2YM8M="},
        {"/api/v1", "events", "r2yiGXH7wu8="},
        {"/apis/events.k8s.io/v1", "events", "r2yiGXH7wu8="},
        {"/apis/rbac.authorization.k8s.io/v1", "clusterroles", "bYE5ZWDrJ44="},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(hashes); i++) {
        json_t *of_group = get_json(*state, hashes[i][0], "");
        expect_text(json_at_text(find_by(json_at(of_group, "resources"), "name", hashes[i][1]),
                                 "storageVersionHash"),
                    hashes[i][2], hashes[i][1]);
        json_decref(of_group);
    }
    expect_resource(list, "namespaces/finalize",
                    "{'name':'namespaces/finalize','singularName':'','namespaced':false,'kind':'"
                    "Namespace','verbs':['update']}");
    json_decref(list);
}

static const json_t *aggregated(const json_t *list, size_t group, const char *resource)
{
    const json_t *versions = json_at(json_array_get(json_at(list, "items"), group), "versions");
    return find_by(json_at(json_array_get(versions, 0), "resources"), "resource", resource);
}

static void aggregates_resources(void **state)
{
    static const char *const types[][2] = {{AGGREGATED, "apidiscovery.k8s.io/v2"},
                                           {AGGREGATED_BETA, "apidiscovery.k8s.io/v2beta1"}};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(types); i++) {
        json_t *list = get_json(*state, "/api", types[i][0]);
        assert_string_equal(json_at_text(list, "apiVersion"), types[i][1]);
        assert_null(json_at(json_array_get(json_at(list, "items"), 0), "metadata.name"));
        assert_string_equal(json_at_text(aggregated(list, 0, "namespaces"), "scope"), "Cluster");
        json_decref(list);
        list = get_json(*state, "/apis", types[i][0]);
        size_t last = json_array_size(json_at(list, "items")) - 1;
        const json_t *group = json_array_get(json_at(list, "items"), last);
        assert_string_equal(json_at_text(group, "metadata.name"), "t.dev");
        expect_json(json_deep_copy(json_at(aggregated(list, last, "things"), "subresources")),
                    "[{'subresource':'status','responseKind':{'group':'t.dev','version':'v1','"
                    "kind':'Thing'},'verbs':['get','patch','update']},{'subresource':'scale','"
                    "responseKind':{'group':'autoscaling','version':'v1','kind':'Scale'},'verbs':['"
                    "get','patch','update']}]",
                    "subresources");
        expect_json(json_deep_copy(json_at(aggregated(list, last, "looks"), "verbs")), "['create']",
                    "verbs");
        assert_null(json_at(aggregated(list, last, "looks"), "subresources"));
        json_decref(list);
    }
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
    json_t *index = get_json(*state, "/openapi/v3", "");
    const char *key;
    json_t *entry;
    json_object_foreach(json_at(index, "paths"), key, entry)
    {
        AUTO_FREE char *path = mem_printf("/openapi/v3/%s", key);
        json_t *v3 = get_json(*state, path, "");
        check_refs(v3, json_at(v3, "components.schemas"), "#/components/schemas/");
        json_decref(v3);
    }
    json_decref(index);
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
    expect_json(
        json_incref(json_at(patch, "consumes")),
        "['application/json-patch+json','application/merge-patch+json','application/apply-patch+"
        "yaml']",
        "consumes");
    const json_t *definition =
        json_object_get(json_object_get(v2, "definitions"), "dev.mot.v1alpha1.Deployment");
    assert_string_equal(json_at_text(definition, "properties.metadata.$ref"),
                        "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    assert_null(
        json_at(definition, "properties.spec.properties.strategy.properties.maxSurge.type"));
    assert_null(json_at(definition, "properties.spec.properties.strategy.default"));
    json_decref(v2);
}

static void expect_parameters(const json_t *operation, const char *names)
{
    AUTO_FREE char *copy = mem_strdup(names);
    for (char *save = NULL, *name = strtok_r(copy, " ", &save); name;
         name = strtok_r(NULL, " ", &save))
        assert_string_equal(
            json_at_text(find_by(json_at(operation, "parameters"), "name", name), "in"), "query");
}

static void describes_operations(void **state)
{
    static const char things[] = "/apis/t.dev/v1/namespaces/{namespace}/things";
    static const char thing[] = "/apis/t.dev/v1/namespaces/{namespace}/things/{name}";
    static const char scale[] = "/apis/t.dev/v1/namespaces/{namespace}/things/{name}/scale";
    static const char looks[] = "/apis/t.dev/v1/looks";
    json_t *v3 = get_json(*state, "/openapi/v3/apis/t.dev/v1", "");
    expect_parameters(operation(v3, thing, "patch"), "dryRun fieldManager fieldValidation force");
    expect_parameters(operation(v3, thing, "put"), "dryRun fieldManager fieldValidation");
    expect_parameters(operation(v3, things, "post"), "dryRun fieldManager fieldValidation");
    expect_parameters(operation(v3, thing, "delete"),
                      "dryRun gracePeriodSeconds orphanDependents propagationPolicy");
    expect_parameters(operation(v3, things, "get"),
                      "labelSelector fieldSelector limit continue watch sendInitialEvents");
    expect_json(json_deep_copy(json_at(operation(v3, scale, "get"), "responses.200.content")),
                "{'application/json':{'schema':{'$ref':'#/components/schemas/"
                "io.k8s.api.autoscaling.v1.Scale'}},'application/yaml':{'schema':{'$ref':'#/"
                "components/schemas/io.k8s.api.autoscaling.v1.Scale'}}}",
                "scale");
    assert_non_null(operation(v3, looks, "post"));
    assert_null(operation(v3, looks, "get"));
    assert_null(operation(v3, "/apis/t.dev/v1/looks/{name}", "get"));
    const json_t *schemas = json_at(v3, "components.schemas");
    assert_non_null(json_object_get(schemas, "dev.t.v1.Look"));
    assert_null(json_object_get(schemas, "dev.t.v1.LookList"));
    json_decref(v3);
    v3 = get_json(*state, "/openapi/v3/apis/mot.dev/v1alpha1", "");
    assert_null(
        json_object_get(json_at(v3, "components.schemas"), "io.k8s.api.autoscaling.v1.Scale"));
    json_decref(v3);
    json_t *v2 = get_json(*state, "/openapi/v2", "application/json");
    assert_non_null(operation(v2, scale, "patch"));
    assert_non_null(json_object_get(json_at(v2, "definitions"), "io.k8s.api.autoscaling.v1.Scale"));
    json_decref(v2);
}

/* What merging tools go by. */
static void keeps_extensions_in_version_2(void **state)
{
    json_t *v2 = get_json(*state, "/openapi/v2", "application/json");
    const json_t *definition = json_object_get(json_at(v2, "definitions"), "dev.t.v1.Thing");
    expect_json(
        json_deep_copy(json_at(definition, "properties.spec.properties")),
        "{'num':{'type':'integer'},'set':{'type':'array','x-kubernetes-list-type':'set','items':{'"
        "type':'string'}},'map':{'type':'array','x-kubernetes-list-type':'map','x-kubernetes-list-"
        "map-keys':['k'],'items':{'type':'object','required':['k'],'properties':{'k':{'type':'"
        "string'}}}},'atom':{'type':'object','x-kubernetes-map-type':'atomic','properties':{'a':{'"
        "type':'string'}}},'ios':{'x-kubernetes-int-or-string':true},'free':{'x-kubernetes-"
        "preserve-unknown-fields':true}}",
        "spec");
    expect_json(json_deep_copy(json_object_get(definition, "x-kubernetes-group-version-kind")),
                "[{'group':'t.dev','version':'v1','kind':'Thing'}]", "kind");
    expect_json(json_deep_copy(json_object_get(definition, "x-kubernetes-selectable-fields")),
                "[{'fieldPath':'spec.num'}]", "selectable");
    json_decref(v2);
}

static void names_models(void **state)
{
    (void)state;
    static const struct {
        const char *group, *version, *name;
    } cases[] = {
        {"", "v1", "io.k8s.api.core.v1.K"},
        {"events.k8s.io", "v1", "io.k8s.api.events.v1.K"},
        {"rbac.authorization.k8s.io", "v1", "io.k8s.api.rbac.v1.K"},
        {"mot.dev", "v1alpha1", "dev.mot.v1alpha1.K"},
        {"a.k8s.io.dev", "v1", "dev.io.k8s.a.v1.K"},
        {"dev", "v1", "dev.v1.K"},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        const struct kind kind = {.group = cases[i].group, .version = cases[i].version};
        AUTO_FREE char *name = openapi_model_name(&kind, "K");
        expect_text(name, cases[i].name, cases[i].group);
    }
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

/* ---- protobuf ---- */

struct slice {
    const unsigned char *at;
    size_t len;
};

static uint64_t take_varint(struct slice *rest)
{
    uint64_t number = 0;
    for (int shift = 0; rest->len > 0 && shift < 64; shift += 7) {
        unsigned char byte = *rest->at++;
        rest->len--;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    fail_msg("the message is cut");
    return 0;
}

/* The @nth field of that number, 0 being the first; it must be there and hold bytes. */
static struct slice field(struct slice message, unsigned number, size_t nth)
{
    while (message.len > 0) {
        uint64_t tag = take_varint(&message);
        unsigned wire = (unsigned)tag & 7;
        size_t len = wire == 1 ? 8 : (size_t)take_varint(&message);
        struct slice value = {message.at, wire == 0 ? 0 : len};
        assert_true(wire <= 2 && value.len <= message.len);
        message.at += value.len;
        message.len -= value.len;
        if (tag >> 3 == number && nth-- == 0)
            return value;
    }
    fail_msg("there is no field %u", number);
    return message;
}

static bool is_text(struct slice value, const char *text)
{
    return value.len == strlen(text) && memcmp(value.at, text, value.len) == 0;
}

/* The value of that name among {name = 1, value = 2}; fails when it is not there. */
static struct slice named(struct slice message, unsigned number, const char *name)
{
    for (size_t i = 0;; i++) {
        struct slice entry = field(message, number, i);
        if (is_text(field(entry, 1, 0), name))
            return field(entry, 2, 0);
    }
}

/* Schema dev.t.v1.Thing: its properties, as gnostic's OpenAPIv3.proto numbers them. */
static void check_v3_schema(struct slice schema)
{
    struct slice spec = field(named(field(schema, 31, 0), 1, "spec"), 1, 0);
    struct slice number = field(named(field(spec, 31, 0), 1, "num"), 1, 0);
    struct slice map = field(named(field(spec, 31, 0), 1, "map"), 1, 0);
    struct slice item = field(field(field(map, 30, 0), 1, 0), 1, 0);
    struct slice either = field(named(field(spec, 31, 0), 1, "ios"), 1, 0);
    assert_true(is_text(field(schema, 25, 0), "object"));
    assert_true(is_text(field(number, 25, 0), "integer"));
    assert_true(is_text(field(item, 23, 0), "k"));
    assert_true(is_text(field(field(field(either, 28, 0), 1, 0), 25, 0), "integer"));
    assert_true(is_text(field(field(field(either, 28, 1), 1, 0), 25, 0), "string"));
    assert_true(is_text(field(named(map, 36, "x-kubernetes-list-type"), 2, 0), "\"map\"\n"));
    struct slice metadata = field(named(field(schema, 31, 0), 1, "metadata"), 1, 0);
    struct slice reference = field(field(metadata, 26, 0), 2, 0);
    assert_true(is_text(field(reference, 1, 0),
                        "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
}

static void serves_version_3_as_protobuf(void **state)
{
    struct http_response response = get(*state, "/openapi/v3/apis/t.dev/v1", "", V3_PROTOBUF, NULL);
    struct http_response json = get(*state, "/openapi/v3/apis/t.dev/v1", "", "", NULL);
    struct slice document = {(const unsigned char *)response.body.data, response.body.len};
    assert_int_equal(response.status, 200);
    assert_string_equal(response.headers.data, json.headers.data); /* the same ETag */
    assert_true(is_text(field(document, 1, 0), "3.0.0"));
    assert_true(is_text(field(field(document, 2, 0), 1, 0), "MoT"));
    struct slice path =
        named(field(document, 4, 0), 1, "/apis/t.dev/v1/namespaces/{namespace}/things/{name}");
    struct slice patch = field(path, 10, 0);
    assert_true(is_text(field(patch, 5, 0), "patchTDevV1NamespacedThing"));
    struct slice content = field(field(field(patch, 7, 0), 1, 0), 2, 0);
    named(content, 1, "application/apply-patch+yaml");
    struct slice answer = field(named(field(patch, 8, 0), 2, "200"), 1, 0);
    assert_true(is_text(field(answer, 1, 0), "OK"));
    named(field(answer, 3, 0), 1, "application/json");
    assert_true(is_text(field(field(field(path, 13, 0), 1, 0), 2, 0), "path"));
    struct slice schemas = field(field(document, 5, 0), 1, 0);
    check_v3_schema(field(named(schemas, 1, "dev.t.v1.Thing"), 1, 0));
    release(&response);
    release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_all_paths),
        cmocka_unit_test(names_resources),
        cmocka_unit_test(aggregates_resources),
        cmocka_unit_test(caches),
        cmocka_unit_test(follows_hashes),
        cmocka_unit_test(refers_to_what_is_there),
        cmocka_unit_test(offers_patches),
        cmocka_unit_test(describes_operations),
        cmocka_unit_test(keeps_extensions_in_version_2),
        cmocka_unit_test(serves_version_3_as_protobuf),
        cmocka_unit_test(names_models),
        cmocka_unit_test(orders_versions),
        cmocka_unit_test(chooses_by_accept),
    };
    return cmocka_run_group_tests(tests, build, tear_down);
}
