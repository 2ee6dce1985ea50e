/* Events and Leases over the API, with the kinds of this project: one store of Events under two
 * groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/kind.h>

#include "fixture.h"
#include "watch_client.h"

#define WAIT_MS 20000
#define CORE    "/api/v1/namespaces/default/events"
#define VIEW    "/apis/events.k8s.io/v1/namespaces/default/events"

#define CORE_EVENT                                                                                 \
    "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"a\"},\"involvedObject\":{" \
    "\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"Deployment\",\"namespace\":\"default\","       \
    "\"name\":\"web\",\"uid\":\"u1\"},\"reason\":\"Placed\",\"message\":\"into two regions\","     \
    "\"type\":\"Normal\",\"source\":{\"component\":\"test\"},\"count\":1,\"firstTimestamp\":"      \
    "\"2026-11-23T12:57:31Z\",\"lastTimestamp\":\"2026-11-23T12:57:31Z\",\"eventTime\":null}"
#define VIEW_EVENT                                                                                 \
    "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"b\"},"       \
    "\"regarding\":{\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"Deployment\",\"namespace\":"    \
    "\"default\",\"name\":\"web\",\"uid\":\"u1\"},\"reason\":\"Scaled\",\"note\":\"to three\","    \
    "\"type\":\"Normal\",\"action\":\"Scale\",\"eventTime\":\"2026-11-23T12:58:31.000123Z\","      \
    "\"reportingController\":\"x.dev/test\",\"reportingInstance\":\"test-1\"}"

static struct server *start(const char *name)
{
    struct err err = {0};
    struct api_options options = {.kinds = kinds_load(&err)};
    if (!options.kinds)
        fail_msg("%s", err.message);
    AUTO_FREE char *url = fixture_database(name);
    return server_start(url, &options);
}

static void expect_text(const json_t *body, const char *path, const char *text)
{
    const char *is = json_at_text(body, path);
    if (!is || strcmp(is, text) != 0) {
        AUTO_FREE char *all = json_text(body);
        fail_msg("%s is %s, not %s: %s", path, is ? is : "not there", text, all);
    }
}

/* What one group writes the other reads. */
static void shows_one_store_twice(void **state)
{
    (void)state;
    struct server *server = start("events");
    json_t *body = expect_call(server, 201, "POST", CORE, CORE_EVENT);
    expect_text(body, "apiVersion", "v1");
    json_decref(body);
    body = expect_call(server, 200, "GET", VIEW "/a", NULL);
    expect_text(body, "apiVersion", "events.k8s.io/v1");
    expect_text(body, "note", "into two regions");
    expect_text(body, "regarding.name", "web");
    expect_text(body, "deprecatedSource.component", "test");
    expect_text(body, "deprecatedLastTimestamp", "2026-11-23T12:57:31Z");
    assert_null(json_at(body, "message"));
    json_decref(body);

    body = expect_call(server, 201, "POST", VIEW, VIEW_EVENT);
    expect_text(body, "apiVersion", "events.k8s.io/v1");
    expect_text(body, "note", "to three");
    json_decref(body);
    body = expect_call(server, 200, "GET", CORE "/b", NULL);
    expect_text(body, "apiVersion", "v1");
    expect_text(body, "message", "to three");
    expect_text(body, "involvedObject.uid", "u1");
    expect_text(body, "reportingComponent", "x.dev/test");
    assert_null(json_at(body, "note"));
    json_decref(body);
    server_stop(server);
}

static void changes_it_from_both_sides(void **state)
{
    (void)state;
    struct server *server = start("changes");
    json_decref(expect_call(server, 201, "POST", CORE, CORE_EVENT));
    struct answer answer =
        call(server, "PATCH", VIEW "/a", "content-type: application/merge-patch+json\n",
             "{\"note\":\"into three regions\",\"deprecatedCount\":2}");
    assert_int_equal(answer.code, 200);
    expect_text(answer.body, "note", "into three regions");
    answer_release(&answer);
    json_t *body = expect_call(server, 200, "GET", CORE "/a", NULL);
    expect_text(body, "message", "into three regions");
    assert_int_equal(json_at_int(body, "count", 0), 2);
    AUTO_FREE char *before = mem_strdup(json_at_text(body, "metadata.resourceVersion"));
    json_decref(body);

    /* What it is already is not written again. */
    body = expect_call(server, 200, "GET", VIEW "/a", NULL);
    AUTO_FREE char *text = json_text(body);
    json_decref(body);
    body = expect_call(server, 200, "PUT", VIEW "/a", text);
    expect_text(body, "metadata.resourceVersion", before);
    json_decref(body);

    json_decref(expect_call(server, 200, "DELETE", VIEW "/a", NULL));
    answer = call(server, "GET", CORE "/a", NULL, NULL);
    assert_int_equal(answer.code, 404);
    answer_release(&answer);
    server_stop(server);
}

static size_t count_of(struct server *server, const char *target)
{
    json_t *body = expect_call(server, 200, "GET", target, NULL);
    size_t count = json_array_size(json_object_get(body, "items"));
    json_decref(body);
    return count;
}

static void selects_in_its_own_words(void **state)
{
    (void)state;
    struct server *server = start("selects");
    json_decref(expect_call(server, 201, "POST", CORE, CORE_EVENT));
    json_decref(expect_call(server, 201, "POST", VIEW, VIEW_EVENT));
    assert_int_equal(count_of(server, VIEW "?fieldSelector=regarding.name%3Dweb"), 2);
    assert_int_equal(count_of(server, VIEW "?fieldSelector=reason%3DScaled"), 1);
    assert_int_equal(count_of(server, VIEW "?fieldSelector=reportingController%3Dx.dev/test"), 1);
    assert_int_equal(count_of(server, VIEW "?fieldSelector=metadata.name%3Da"), 1);
    assert_int_equal(count_of(server,
                              CORE "?fieldSelector=involvedObject.name%3Dweb,"
                                   "involvedObject.namespace%3Ddefault,"
                                   "involvedObject.kind%3DDeployment,involvedObject.uid%3Du1"),
                     2);
    assert_int_equal(count_of(server, CORE "?fieldSelector=involvedObject.name%3Dother"), 0);
    /* Who reported it, under its older name or its newer one. */
    assert_int_equal(count_of(server, CORE "?fieldSelector=source%3Dtest"), 1);
    assert_int_equal(count_of(server, CORE "?fieldSelector=source%3Dx.dev/test"), 1);
    assert_int_equal(count_of(server, CORE "?fieldSelector=source!%3Dtest,type%3DNormal"), 1);
    assert_int_equal(count_of(server, CORE "?fieldSelector=reportingComponent%3Dx.dev/test"), 1);
    expect_failure(server, 400, "GET", VIEW "?fieldSelector=involvedObject.name%3Dweb", NULL, NULL,
                   "field label not supported: involvedObject.name");
    expect_failure(server, 400, "GET", VIEW "?fieldSelector=source%3Dtest", NULL, NULL,
                   "field label not supported: source");
    json_t *body = expect_call(server, 200, "DELETE", VIEW "?fieldSelector=reason%3DScaled", NULL);
    assert_int_equal(json_array_size(json_object_get(body, "items")), 1);
    expect_text(json_array_get(json_object_get(body, "items"), 0), "note", "to three");
    json_decref(body);
    assert_int_equal(count_of(server, CORE), 1);
    server_stop(server);
}

/* Column names and cells, as a kube-apiserver has them for both groups. */
static void prints_tables(void **state)
{
    (void)state;
    static const char *const columns[] = {"Last Seen", "Type",   "Reason",  "Object",
                                          "Subobject", "Source", "Message", "First Seen",
                                          "Count",     "Name"};
    static const char *const targets[] = {CORE "/a", VIEW "/a"};
    struct server *server = start("tables");
    json_decref(expect_call(server, 201, "POST", CORE, CORE_EVENT));
    for (size_t i = 0; i < MOT_ARRAY_SIZE(targets); i++) {
        struct answer answer = call(server, "GET", targets[i],
                                    "accept: application/json;as=Table;v=v1;g=meta.k8s.io\n", NULL);
        assert_int_equal(answer.code, 200);
        const json_t *definitions = json_object_get(answer.body, "columnDefinitions");
        assert_int_equal(json_array_size(definitions), MOT_ARRAY_SIZE(columns));
        for (size_t c = 0; c < MOT_ARRAY_SIZE(columns); c++)
            expect_text(json_array_get(definitions, c), "name", columns[c]);
        const json_t *cells =
            json_object_get(json_array_get(json_object_get(answer.body, "rows"), 0), "cells");
        assert_string_equal(json_string_value(json_array_get(cells, 3)), "deployment/web");
        assert_string_equal(json_string_value(json_array_get(cells, 5)), "test");
        assert_string_equal(json_string_value(json_array_get(cells, 6)), "into two regions");
        assert_string_equal(json_string_value(json_array_get(cells, 9)), "a");
        answer_release(&answer);
    }
    server_stop(server);
}

/* One change, in two forms at the same time. */
static void watches_both(void **state)
{
    (void)state;
    struct server *server = start("watches");
    server_listen(server, NULL);
    struct watch_client *core =
        watch_open(server->port, CORE "?watch=1&fieldSelector=reason%3DPlaced", NULL, false);
    struct watch_client *view =
        watch_open(server->port, VIEW "?watch=1&fieldSelector=regarding.name%3Dweb", NULL, false);
    json_decref(expect_call(server, 201, "POST", CORE, CORE_EVENT));
    json_t *event = watch_next(core, WAIT_MS);
    expect_text(event, "type", "ADDED");
    expect_text(event, "object.apiVersion", "v1");
    expect_text(event, "object.message", "into two regions");
    json_decref(event);
    event = watch_next(view, WAIT_MS);
    expect_text(event, "type", "ADDED");
    expect_text(event, "object.apiVersion", "events.k8s.io/v1");
    expect_text(event, "object.note", "into two regions");
    json_decref(event);
    json_decref(expect_call(server, 200, "DELETE", CORE "/a", NULL));
    event = watch_next(view, WAIT_MS);
    expect_text(event, "type", "DELETED");
    expect_text(event, "object.note", "into two regions");
    json_decref(event);
    watch_close(core);
    watch_close(view);
    server_stop(server);
}

/* Leader elections write with the resourceVersion they have read, and get no generation. */
static void keeps_leases(void **state)
{
    (void)state;
    static const char leases[] = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    struct server *server = start("leases");
    json_t *body = expect_call(
        server, 201, "POST", leases,
        "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"
        "\"l\"},\"spec\":{\"holderIdentity\":\"me\",\"leaseDurationSeconds\":15,\"acquireTime\":"
        "\"2026-11-23T12:57:31.123456Z\",\"renewTime\":\"2026-11-23T12:57:31.123456Z\","
        "\"leaseTransitions\":0}}");
    expect_text(body, "spec.renewTime", "2026-11-23T12:57:31.123456Z");
    assert_null(json_at(body, "metadata.generation"));
    json_put(body, "spec.holderIdentity", json_string("you"));
    AUTO_FREE char *first = json_text(body);
    json_decref(body);
    AUTO_FREE char *item = mem_printf("%s/l", leases);
    json_decref(expect_call(server, 200, "PUT", item, first));
    struct answer answer = call(server, "PUT", item, NULL, first);
    assert_int_equal(answer.code, 409);
    answer_release(&answer);
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_one_store_twice),
        cmocka_unit_test(changes_it_from_both_sides),
        cmocka_unit_test(selects_in_its_own_words),
        cmocka_unit_test(prints_tables),
        cmocka_unit_test(watches_both),
        cmocka_unit_test(keeps_leases),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
