#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fixture.h"

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#define JSON_PATCH  "content-type: application/json-patch+json"
#define MERGE_PATCH "content-type: application/merge-patch+json"
#define MODIFIED                                                                                   \
    "Operation cannot be fulfilled on things.mot.dev \"a\": the object has been modified; please " \
    "apply your changes to the latest version and try again"

#define UNKNOWN "the server could not find the requested resource"
#define METHOD  "the server does not allow this method on the requested resource"

static struct server *begin(void)
{
    static int number;
    AUTO_FREE char *name = mem_printf("verbs%d", ++number);
    AUTO_FREE char *url = fixture_database(name);
    return server_start(url, NULL);
}

static char *thing(const char *metadata, const char *spec)
{
    return mem_printf("{\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"Thing\",\"metadata\":{%s},"
                      "\"spec\":{%s}}",
                      metadata, spec);
}

static void test_create(void **state)
{
    (void)state;
    struct server *server = begin();
    AUTO_FREE char *body =
        thing("\"name\":\"a\",\"uid\":\"x\",\"generation\":9", "\"color\":\"red\"");
    json_t *made = expect_call(server, 201, "POST", THINGS, body);
    assert_int_equal(strlen(text_at(made, "metadata.uid")), 36);
    assert_int_equal(json_at_int(made, "metadata.generation", 0), 1);
    assert_int_equal(json_at_int(made, "spec.size", 0), 1);
    assert_string_equal(text_at(made, "metadata.namespace"), "default");
    json_t *got = expect_call(server, 200, "GET", THINGS "/a", NULL);
    assert_true(json_equal(made, got));
    json_decref(made);
    json_decref(got);
    expect_failure(server, 409, "POST", THINGS, NULL, body, "things.mot.dev \"a\" already exists");
    expect_failure(server, 404, "POST", "/apis/mot.dev/v1alpha1/namespaces/no/things", NULL, body,
                   "namespaces \"no\" not found");
    server_stop(server);
}

static void test_create_refused(void **state)
{
    (void)state;
    struct server *server = begin();
    AUTO_FREE char *other = thing("\"name\":\"a\",\"namespace\":\"x\"", "");
    AUTO_FREE char *versioned = thing("\"name\":\"a\",\"resourceVersion\":\"5\"", "");
    AUTO_FREE char *nameless = thing("", "");
    AUTO_FREE char *large = thing("\"name\":\"a\"", "\"size\":99");
    AUTO_FREE char *labels = thing("\"name\":\"a\",\"labels\":{\"x\":5}", "");
    AUTO_FREE char *unknown = thing("\"name\":\"a\"", "\"bogus\":1,\"size\":1,\"size\":2");
    expect_failure(server, 400, "POST", THINGS, NULL, other,
                   "the namespace of the provided object does not match the namespace sent on the "
                   "request");
    expect_failure(server, 400, "POST", THINGS, NULL, versioned,
                   "resourceVersion should not be set on objects to be created");
    expect_failure(server, 422, "POST", THINGS, NULL, nameless,
                   "Thing.mot.dev \"\" is invalid: metadata.name: Required value: name or "
                   "generateName is required");
    expect_failure(
        server, 422, "POST", THINGS, NULL, large,
        "Thing.mot.dev \"a\" is invalid: spec.size: Invalid value: 99: spec.size in body "
        "should be less than or equal to 10");
    expect_failure(server, 400, "POST", THINGS, NULL, labels,
                   "Thing in version \"v1alpha1\" cannot be handled as a Thing: json: cannot "
                   "unmarshal number into Go struct field ObjectMeta.labels of type string");
    expect_failure(server, 400, "POST", THINGS "?fieldValidation=Strict", NULL, unknown,
                   "Thing in version \"v1alpha1\" cannot be handled as a Thing: strict decoding "
                   "error: duplicate field \"spec.size\", unknown field \"spec.bogus\"");
    expect_failure(server, 422, "POST", THINGS "?dryRun=Bad", NULL, unknown,
                   "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: "
                   "[\"Bad\"]: supported values: \"All\"");
    expect_failure(
        server, 415, "POST", THINGS, "content-type: application/cbor", unknown,
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf");
    expect_failure(server, 400, "POST", THINGS, NULL, "",
                   "the object provided is unrecognized (must be of type Thing): couldn't get "
                   "version/kind; json parse error: unexpected end of JSON input (<empty>)");
    expect_failure(server, 400, "POST", THINGS, NULL, "{\"a\":1}",
                   "the object provided is unrecognized (must be of type Thing): Object 'Kind' is "
                   "missing in '{\"a\":1}' ({\"a\":1})");
    expect_failure(server, 400, "POST", THINGS, NULL,
                   "{\"apiVersion\":\"t.dev/v2\",\"kind\":\"Thing\"}",
                   "the API version in the data (t.dev/v2) does not match the expected API version "
                   "(mot.dev/v1alpha1)");
    server_stop(server);
}

static void test_warnings(void **state)
{
    (void)state;
    struct server *server = begin();
    AUTO_FREE char *unknown = thing("\"name\":\"a\"", "\"bogus\":1");
    struct answer answer = call(server, "POST", THINGS, NULL, unknown);
    assert_int_equal(answer.code, 201);
    assert_non_null(
        strstr(answer.headers, "Warning: 299 - \"unknown field \\\"spec.bogus\\\"\"\r\n"));
    assert_null(json_at(answer.body, "spec.bogus"));
    assert_non_null(strstr(answer.headers, "Audit-Id: "));
    assert_non_null(strstr(answer.headers, "Cache-Control: no-cache, private\r\n"));
    answer_release(&answer);
    server_stop(server);
}

static void test_generate_name(void **state)
{
    (void)state;
    struct server *server = begin();
    AUTO_FREE char *body = thing("\"generateName\":\"job-\"", "");
    json_t *made = expect_call(server, 201, "POST", THINGS, body);
    assert_int_equal(strlen(text_at(made, "metadata.name")), strlen("job-") + 5);
    json_decref(made);
    server_stop(server);
}

static void test_dry_run(void **state)
{
    (void)state;
    struct server *server = begin();
    AUTO_FREE char *body = thing("\"name\":\"a\"", "");
    json_t *made = expect_call(server, 201, "POST", THINGS "?dryRun=All", body);
    assert_null(json_at(made, "metadata.resourceVersion"));
    assert_non_null(json_at(made, "metadata.uid"));
    json_decref(made);
    expect_failure(server, 404, "GET", THINGS "/a", NULL, NULL, "things.mot.dev \"a\" not found");
    long long revision = create_thing(server, "a", "red");
    json_decref(expect_call(server, 200, "PATCH", THINGS "/a?dryRun=All",
                            "{\"spec\":{\"color\":\"blue\"}}"));
    json_decref(expect_call(server, 200, "DELETE", THINGS "/a?dryRun=All", NULL));
    json_decref(expect_call(server, 200, "DELETE", THINGS "/a", "{\"dryRun\":[\"All\"]}"));
    json_t *live = expect_call(server, 200, "GET", THINGS "/a", NULL);
    assert_int_equal(strtoll(text_at(live, "metadata.resourceVersion"), NULL, 10), revision);
    assert_string_equal(text_at(live, "spec.color"), "red");
    json_decref(live);
    server_stop(server);
}

static void test_update(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    json_t *live = expect_call(server, 200, "GET", THINGS "/a", NULL);
    AUTO_FREE char *same = json_text(live);
    json_t *again = expect_call(server, 200, "PUT", THINGS "/a", same);
    assert_true(json_equal(live, again));
    json_decref(again);
    json_put(live, "spec.color", json_string("blue"));
    AUTO_FREE char *changed = json_text(live);
    json_t *updated = expect_call(server, 200, "PUT", THINGS "/a", changed);
    assert_int_equal(json_at_int(updated, "metadata.generation", 0), 2);
    json_decref(updated);
    expect_failure(server, 409, "PUT", THINGS "/a", NULL, changed, MODIFIED);
    expect_failure(server, 404, "PUT", THINGS "/b", NULL, changed,
                   "things.mot.dev \"b\" not found");
    json_object_del(json_object_get(live, "metadata"), "resourceVersion");
    AUTO_FREE char *unversioned = json_text(live);
    expect_failure(server, 422, "PUT", THINGS "/a", NULL, unversioned,
                   "things.mot.dev \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: "
                   "must be specified for an update");
    json_decref(live);
    server_stop(server);
}

static void test_status(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    json_t *changed = expect_call(server, 200, "PATCH", THINGS "/a/status",
                                  "{\"status\":{\"seen\":4},\"spec\":{\"color\":\"blue\"},"
                                  "\"metadata\":{\"labels\":{\"x\":\"y\"}}}");
    assert_int_equal(json_at_int(changed, "status.seen", 0), 4);
    assert_int_equal(json_at_int(changed, "metadata.generation", 0), 1);
    assert_string_equal(text_at(changed, "spec.color"), "red");
    assert_null(json_at(changed, "metadata.labels.x"));
    json_decref(changed);
    changed = expect_call(server, 200, "PATCH", THINGS "/a",
                          "{\"status\":{\"seen\":5},\"spec\":{\"color\":\"blue\"}}");
    assert_int_equal(json_at_int(changed, "status.seen", 0), 4);
    assert_int_equal(json_at_int(changed, "metadata.generation", 0), 2);
    json_decref(changed);
    expect_failure(server, 404, "GET", "/apis/mot.dev/v1alpha1/globes/a/status", NULL, NULL,
                   "globes.mot.dev \"a\" not found");
    server_stop(server);
}

static void test_patch(void **state)
{
    (void)state;
    struct server *server = begin();
    long long revision = create_thing(server, "a", "red");
    assert_int_equal(patch_thing(server, "a", "{\"spec\":{\"color\":\"red\"}}"), revision);
    assert_int_equal(patch_thing(server, "a", "{\"spec\":{\"color\":\"blue\"}}"), revision + 1);
    expect_failure(server, 409, "PATCH", THINGS "/a", MERGE_PATCH,
                   "{\"metadata\":{\"resourceVersion\":\"2\"},\"spec\":{\"color\":\"x\"}}",
                   MODIFIED);
    expect_failure(server, 422, "PATCH", THINGS "/a", JSON_PATCH,
                   "[{\"op\":\"test\",\"path\":\"/spec/color\",\"value\":\"red\"}]",
                   "the server rejected our request due to an error in our request");
    expect_failure(server, 400, "PATCH", THINGS "/a", MERGE_PATCH, "[1]",
                   "error decoding patch: json: cannot unmarshal array into Go value of type "
                   "map[string]interface {}");
    expect_failure(server, 400, "PATCH", THINGS "/a", MERGE_PATCH,
                   "{\"metadata\":{\"name\":\"b\"}}",
                   "the name of the object (b) does not match the name on the URL (a)");
    expect_failure(server, 422, "PATCH", THINGS "/a", MERGE_PATCH, "{\"metadata\":{\"uid\":\"b\"}}",
                   "Thing.mot.dev \"a\" is invalid: metadata.uid: Invalid value: \"b\": field is "
                   "immutable");
    expect_failure(
        server, 415, "PATCH", THINGS "/a", "content-type: application/strategic-merge-patch+json",
        "{}",
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
    struct answer answer =
        call(server, "PATCH", THINGS "/a", JSON_PATCH,
             "[{\"op\":\"add\",\"path\":\"/metadata/labels/n\",\"value\":\"1\"}]");
    assert_int_equal(answer.code, 200);
    answer_release(&answer);
    server_stop(server);
}

/* Patches can't make an object grow without bound: what is stored can be sent back. */
static void test_size(void **state)
{
    (void)state;
    struct server *server = begin();
    const char *globes = "/apis/mot.dev/v1alpha1/globes";
    AUTO_FREE char *text = mem_alloc(((size_t)2 << 20) + 1);
    memset(text, 'x', (size_t)2 << 20);
    text[(size_t)2 << 20] = '\0';
    AUTO_FREE char *body =
        mem_printf("{\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"Globe\",\"metadata\":"
                   "{\"name\":\"a\",\"finalizers\":[\"x.y/z\"]},\"spec\":{\"a\":\"%s\"}}",
                   text);
    AUTO_FREE char *more = mem_printf("{\"spec\":{\"b\":\"%s\"}}", text);
    json_decref(expect_call(server, 201, "POST", globes, body));
    for (int dry = 1; dry >= 0; dry--) {
        AUTO_FREE char *target = mem_printf("%s/a%s", globes, dry ? "?dryRun=All" : "");
        struct answer answer = call(server, "PATCH", target, MERGE_PATCH, more);
        assert_int_equal(answer.code, 413);
        assert_string_equal(text_at(answer.body, "reason"), "RequestEntityTooLarge");
        answer_release(&answer);
    }
    json_decref(
        expect_call(server, 200, "PATCH", "/apis/mot.dev/v1alpha1/globes/a", "{\"spec\":null}"));
    json_decref(expect_call(server, 200, "DELETE", "/apis/mot.dev/v1alpha1/globes/a", NULL));
    server_stop(server);
}

static void test_delete(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    expect_failure(
        server, 409, "DELETE", THINGS "/a?x", NULL,
        "{\"preconditions\":{\"resourceVersion\":\"1\"}}",
        "Operation cannot be fulfilled on Thing.mot.dev \"a\": the ResourceVersion in "
        "the precondition (1) does not match the ResourceVersion in record (3). The object "
        "might have been modified");
    expect_failure(
        server, 422, "DELETE", THINGS "/a?propagationPolicy=Bogus", NULL, NULL,
        "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: "
        "\"Bogus\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"");
    json_t *live = expect_call(server, 200, "GET", THINGS "/a", NULL);
    json_t *gone =
        expect_call(server, 200, "DELETE", THINGS "/a", "{\"propagationPolicy\":\"Background\"}");
    assert_string_equal(text_at(gone, "status"), "Success");
    assert_string_equal(text_at(gone, "details.kind"), "things");
    assert_string_equal(text_at(gone, "details.uid"), text_at(live, "metadata.uid"));
    json_decref(live);
    json_decref(gone);
    expect_failure(server, 404, "DELETE", THINGS "/a", NULL, NULL,
                   "things.mot.dev \"a\" not found");
    server_stop(server);
}

static void test_finalizers(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    patch_thing(server, "a", "{\"metadata\":{\"finalizers\":[\"x.io/f\"]}}");
    json_t *first = expect_call(server, 200, "DELETE", THINGS "/a", NULL);
    assert_non_null(json_at(first, "metadata.deletionTimestamp"));
    assert_int_equal(json_at_int(first, "metadata.generation", 0), 2);
    assert_int_equal(json_at_int(first, "metadata.deletionGracePeriodSeconds", -1), 0);
    json_t *second = expect_call(server, 200, "DELETE", THINGS "/a", NULL);
    assert_true(json_equal(first, second));
    json_decref(second);
    expect_failure(
        server, 422, "PATCH", THINGS "/a", MERGE_PATCH,
        "{\"metadata\":{\"finalizers\":[\"x.io/f\",\"a.b/c\"]}}",
        "Thing.mot.dev \"a\" is invalid: metadata.finalizers: Forbidden: no new finalizers "
        "can be added if the object is being deleted, found new finalizers "
        "[]string{\"a.b/c\"}");
    json_t *last =
        expect_call(server, 200, "PATCH", THINGS "/a", "{\"metadata\":{\"finalizers\":null}}");
    assert_string_equal(text_at(last, "metadata.resourceVersion"),
                        text_at(first, "metadata.resourceVersion"));
    json_decref(last);
    json_decref(first);
    expect_failure(server, 404, "GET", THINGS "/a", NULL, NULL, "things.mot.dev \"a\" not found");
    server_stop(server);
}

static void test_namespaces(void **state)
{
    (void)state;
    struct server *server = begin();
    json_t *team = expect_call(server, 201, "POST", "/api/v1/namespaces",
                               "{\"metadata\":{\"name\":\"team\"}}");
    assert_string_equal(text_at(team, "status.phase"), "Active");
    json_decref(team);
    AUTO_FREE char *body = thing("\"name\":\"a\"", "");
    json_decref(
        expect_call(server, 201, "POST", "/apis/mot.dev/v1alpha1/namespaces/team/things", body));
    json_t *first = expect_call(server, 200, "DELETE", "/api/v1/namespaces/team", NULL);
    assert_string_equal(text_at(first, "status.phase"), "Terminating");
    assert_non_null(json_at(first, "metadata.deletionTimestamp"));
    json_t *second = expect_call(server, 200, "DELETE", "/api/v1/namespaces/team", NULL);
    assert_true(json_equal(first, second));
    AUTO_FREE char *late = thing("\"name\":\"b\"", "");
    struct answer answer =
        call(server, "POST", "/apis/mot.dev/v1alpha1/namespaces/team/things", NULL, late);
    assert_int_equal(answer.code, 403);
    assert_string_equal(text_at(answer.body, "message"),
                        "things.mot.dev \"b\" is forbidden: unable to create new content in "
                        "namespace team because it is being terminated");
    const json_t *cause = json_array_get(json_at(answer.body, "details.causes"), 0);
    assert_string_equal(text_at(cause, "reason"), "NamespaceTerminating");
    answer_release(&answer);
    /* Only /finalize lets it go. */
    json_put(second, "spec", json_object());
    AUTO_FREE char *emptied = json_text(second);
    json_t *kept = expect_call(server, 200, "PUT", "/api/v1/namespaces/team", emptied);
    assert_true(json_equal(first, kept));
    json_decref(kept);
    json_decref(expect_call(server, 405, "PATCH", "/api/v1/namespaces/team/finalize", "{}"));
    json_decref(expect_call(server, 200, "PUT", "/api/v1/namespaces/team/finalize", emptied));
    json_decref(expect_call(server, 404, "GET", "/api/v1/namespaces/team", NULL));
    json_decref(first);
    json_decref(second);
    json_decref(expect_call(server, 405, "DELETE", "/api/v1/namespaces", NULL));
    json_decref(expect_call(server, 403, "DELETE", "/api/v1/namespaces/default", NULL));
    /* kubectl create namespace since 1.32 */
    static const char pb[] =
        "k8s\0\n\017\n\002v1\022\tNamespace\022\013\n\011\n\007proto-a\032\0\"\0";
    struct http_header type = {"content-type", "application/vnd.kubernetes.protobuf"};
    struct http_request request = {.method = "POST",
                                   .target = "/api/v1/namespaces",
                                   .path = "/api/v1/namespaces",
                                   .query = "",
                                   .headers = &type,
                                   .header_count = 1,
                                   .body = pb,
                                   .body_len = sizeof(pb) - 1};
    struct http_response response = {.status = 200};
    buf_init(&response.headers, BUF_MAX_DEFAULT);
    buf_init(&response.body, BUF_MAX_DEFAULT);
    api_handle(server->api, &request, &response);
    assert_int_equal(response.status, 201);
    assert_non_null(strstr(response.body.data, "\"name\":\"proto-a\""));
    buf_release(&response.headers);
    buf_release(&response.body);
    server_stop(server);
}

/* As a kube-apiserver has nothing to say about a path. */
static void expect_page(struct server *server, const char *method, const char *target)
{
    struct answer answer = call(server, method, target, NULL, NULL);
    assert_int_equal(answer.code, 404);
    assert_string_equal(answer.text, "404 page not found\n");
    assert_non_null(strstr(answer.headers, "X-Content-Type-Options: nosniff"));
    answer_release(&answer);
}

static void expect_code(struct server *server, int code, const char *method, const char *target)
{
    struct answer answer = call(server, method, target, NULL, NULL);
    if (answer.code != code)
        fail_msg("%s %s: %d", method, target, answer.code);
    answer_release(&answer);
}

static void test_delete_collection(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    create_thing(server, "b", "blue");
    create_thing(server, "c", "red");
    json_t *gone = expect_call(server, 200, "DELETE", THINGS "?labelSelector=color%3Dred", NULL);
    assert_string_equal(text_at(gone, "kind"), "ThingList");
    assert_int_equal(json_array_size(json_at(gone, "items")), 2);
    json_decref(gone);
    json_t *left = expect_call(server, 200, "GET", THINGS, NULL);
    assert_int_equal(json_array_size(json_at(left, "items")), 1);
    json_decref(left);
    expect_page(server, "DELETE", "/apis/mot.dev/v1alpha1/things");
    server_stop(server);
}

/* Where nothing is served, or not in that way; a kube-apiserver 1.35 was asked. */
static const struct {
    const char *method, *target;
    int code; /* 404 with @why NULL: a text, no Status */
    const char *why;
} odd_routes[] = {
    {"GET", "/nope", 404, NULL},
    {"POST", "/nope", 404, NULL},
    {"HEAD", "/nope", 404, NULL},
    {"GET", "/openapi", 404, NULL},
    {"GET", "/openapi/v4", 404, NULL},
    {"GET", "/metrics/x", 404, NULL},
    {"GET", "/healthz/none", 404, NULL},
    {"GET", "/livez/x/y", 404, NULL},
    {"GET", "/apis/none.k8s.io", 404, NULL},
    {"GET", "/apis/none.k8s.io/v1/x", 404, NULL},
    {"GET", "/apis/none/v1/namespaces/a/x", 404, NULL},
    {"GET", "/apis/mot.dev/v1", 404, NULL},
    {"GET", "/apis/mot.dev/v1/things", 404, NULL},
    {"GET", "/apis/mot.dev/v1alpha1/nothings", 404, NULL},
    {"GET", "/apis/mot.dev/v1alpha1/namespaces/a/globes", 404, NULL},
    {"GET", "/apis/mot.dev/v1alpha1/things/a", 404, NULL},
    {"POST", "/apis/mot.dev/v1alpha1/things", 404, NULL},
    {"PUT", "/apis/mot.dev/v1alpha1/things", 404, NULL},
    {"GET", THINGS "/a/bogus", 404, "things.mot.dev \"a\" not found"},
    {"POST", THINGS "/a/bogus", 404, "things.mot.dev \"a\" not found"},
    {"GET", THINGS "/a/b/c/d", 404, "things.mot.dev \"a\" not found"},
    {"GET", "/apis/mot.dev/v1alpha1/globes/a/status", 404, "globes.mot.dev \"a\" not found"},
    {"DELETE", THINGS "/a/status", 405,
     "delete is not supported on resources of kind \"things.mot.dev\""},
    {"PUT", THINGS, 400, "name must be provided"},
    {"GET", "/api/v9", 404, UNKNOWN},
    {"GET", "/api/v9/things", 404, UNKNOWN},
    {"GET", "/api/v1/nothings", 404, UNKNOWN},
    {"POST", "/api/v1/nothings", 404, UNKNOWN},
    {"GET", "/api/v1/namespaces/default/namespaces", 404, UNKNOWN},
    {"GET", "/api/v1/namespaces/default/x/y/z", 404, UNKNOWN},
    {"GET", "/version/x", 404, UNKNOWN},
    {"POST", "/api", 405, METHOD},
    {"POST", "/api/v1", 405, METHOD},
    {"HEAD", "/api/v1", 405, METHOD},
    {"POST", "/version", 405, METHOD},
    {"HEAD", "/version", 405, METHOD},
    {"HEAD", "/api/v1/namespaces/default", 405, METHOD},
    {"PUT", "/api/v1/namespaces", 405, METHOD},
    {"DELETE", "/api/v1/namespaces", 405, METHOD},
    {"POST", "/api/v1/namespaces/default", 405, METHOD},
    {"DELETE", "/api/v1/namespaces/default/status", 405, METHOD},
    {"HEAD", "/apis", 200, NULL},
    {"POST", "/apis", 200, NULL},
    {"HEAD", "/apis/mot.dev", 200, NULL},
    {"HEAD", "/apis/mot.dev/v1alpha1", 200, NULL},
    {"POST", "/apis/mot.dev/v1alpha1", 200, NULL},
    {"HEAD", "/openapi/v2", 200, NULL},
    {"HEAD", "/openapi/v3", 200, NULL},
    {"HEAD", "/openapi/v3/api/v1", 200, NULL},
    {"HEAD", "/healthz", 200, NULL},
    {"DELETE", "/livez", 200, NULL},
    {"HEAD", "/readyz/ping", 200, NULL},
    {"HEAD", "/metrics", 200, NULL},
    {"HEAD", THINGS, 200, NULL},
};

static void test_odd_routes(void **state)
{
    (void)state;
    struct server *server = begin();
    for (size_t i = 0; i < MOT_ARRAY_SIZE(odd_routes); i++) {
        const char *method = odd_routes[i].method, *target = odd_routes[i].target;
        bool writes = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
        if (odd_routes[i].why)
            expect_failure(server, odd_routes[i].code, method, target, NULL, writes ? "{}" : NULL,
                           odd_routes[i].why);
        else if (odd_routes[i].code == 404)
            expect_page(server, method, target);
        else
            expect_code(server, odd_routes[i].code, method, target);
    }
    server_stop(server);
}

static void test_routes(void **state)
{
    (void)state;
    struct server *server = begin();
    expect_failure(server, 405, "POST", THINGS "/a", NULL, "{}",
                   "create is not supported on resources of kind \"things.mot.dev\"");
    expect_failure(server, 406, "GET", THINGS, "accept: text/html", NULL,
                   "only the following media types are accepted: application/json, "
                   "application/yaml");
    struct answer answer = call(server, "GET", "/readyz", NULL, NULL);
    assert_int_equal(answer.code, 200);
    assert_string_equal(answer.text, "ok");
    answer_release(&answer);
    json_t *version = expect_call(server, 200, "GET", "/version", NULL);
    assert_string_equal(text_at(version, "major"), "1");
    json_decref(version);
    server_stop(server);
}

static void test_yaml(void **state)
{
    (void)state;
    struct server *server = begin();
    struct answer answer =
        call(server, "POST", THINGS, "content-type: application/yaml\naccept: application/yaml",
             "apiVersion: mot.dev/v1alpha1\nkind: Thing\nmetadata:\n  name: yam\n"
             "spec:\n  color: red\n");
    if (answer.code != 201)
        fail_msg("%d %s", answer.code, answer.text);
    assert_non_null(strstr(answer.text, "  color: red\n"));
    answer_release(&answer);
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_refused),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_generate_name),
        cmocka_unit_test(test_dry_run),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_patch),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_finalizers),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_odd_routes),
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_delete_collection),
        cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
