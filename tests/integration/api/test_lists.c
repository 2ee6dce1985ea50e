#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fixture.h"

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#define ALL "/apis/mot.dev/v1alpha1/things"

static struct server *begin(void)
{
    static int number;
    AUTO_FREE char *name = mem_printf("lists%d", ++number);
    AUTO_FREE char *url = fixture_database(name);
    struct server *server = server_start(url, NULL);
    create_thing(server, "a", "red");
    create_thing(server, "b", "blue");
    create_thing(server, "c", "red");
    create_thing(server, "d", "green");
    create_thing(server, "e", "red");
    return server;
}

/* "a,c,e" */
static void expect_names(struct server *server, const char *target, const char *names)
{
    json_t *list = expect_call(server, 200, "GET", target, NULL);
    struct buf found;
    buf_init(&found, 1024);
    buf_adds(&found, "");
    json_t *items = json_at(list, "items");
    assert_true(json_is_array(items));
    for (size_t i = 0; i < json_array_size(items); i++)
        buf_addf(&found, "%s%s", i > 0 ? "," : "",
                 text_at(json_array_get(items, i), "metadata.name"));
    assert_string_equal(found.data ? found.data : "", names);
    assert_true(strtoll(text_at(list, "metadata.resourceVersion"), NULL, 10) > 0);
    buf_release(&found);
    json_decref(list);
}

static void test_selectors(void **state)
{
    (void)state;
    struct server *server = begin();
    expect_names(server, THINGS, "a,b,c,d,e");
    expect_names(server, ALL, "a,b,c,d,e");
    expect_names(server, THINGS "?labelSelector=color%3Dred", "a,c,e");
    expect_names(server, THINGS "?labelSelector=color%20in%20(blue,green)", "b,d");
    expect_names(server, THINGS "?fieldSelector=spec.color%3Dgreen", "d");
    expect_names(server, THINGS "?fieldSelector=spec.color%3Dgreen&limit=1", "d");
    expect_names(server, THINGS "?fieldSelector=metadata.name%3Db", "b");
    expect_names(server, THINGS "?fieldSelector=metadata.name!%3Db,spec.color!%3Dred", "d");
    expect_names(server, ALL "?fieldSelector=metadata.namespace%3Ddefault&labelSelector=nope", "");
    expect_names(server, "/apis/mot.dev/v1alpha1/namespaces/none/things", "");
    expect_failure(server, 400, "GET", THINGS "?fieldSelector=spec.size%3D1", NULL, NULL,
                   "field label not supported: spec.size");
    server_stop(server);
}

static void test_pages_are_one_snapshot(void **state)
{
    (void)state;
    struct server *server = begin();
    json_t *first = expect_call(server, 200, "GET", THINGS "?limit=2", NULL);
    assert_int_equal(json_array_size(json_at(first, "items")), 2);
    assert_int_equal(json_at_int(first, "metadata.remainingItemCount", 0), 3);
    delete_thing(server, "c");
    create_thing(server, "cc", "red");
    patch_thing(server, "d", "{\"spec\":{\"color\":\"black\"}}");
    AUTO_FREE char *second =
        mem_printf(THINGS "?limit=2&continue=%s", text_at(first, "metadata.continue"));
    json_t *page = expect_call(server, 200, "GET", second, NULL);
    assert_string_equal(text_at(page, "metadata.resourceVersion"),
                        text_at(first, "metadata.resourceVersion"));
    json_t *items = json_at(page, "items");
    assert_string_equal(text_at(json_array_get(items, 0), "metadata.name"), "c");
    assert_string_equal(text_at(json_array_get(items, 1), "spec.color"), "green");
    AUTO_FREE char *third =
        mem_printf(THINGS "?limit=2&continue=%s", text_at(page, "metadata.continue"));
    json_t *last = expect_call(server, 200, "GET", third, NULL);
    assert_int_equal(json_array_size(json_at(last, "items")), 1);
    assert_null(json_at(last, "metadata.continue"));
    json_decref(first);
    json_decref(page);
    json_decref(last);
    expect_failure(
        server, 400, "GET", THINGS "?continue=xx", NULL, NULL,
        "invalid continue token: continue key is not valid: it is none of this server's");
    server_stop(server);
}

static void compact(struct server *server)
{
    struct err err = {0};
    struct store_compaction all = {.before_ms = INT64_MAX};
    assert_int_equal(store_compact(server->store, &all, &err), 0);
}

static void test_expired_token(void **state)
{
    (void)state;
    struct server *server = begin();
    json_t *first = expect_call(server, 200, "GET", THINGS "?limit=2", NULL);
    delete_thing(server, "d");
    create_thing(server, "z", "red");
    compact(server);
    AUTO_FREE char *target =
        mem_printf(THINGS "?limit=2&continue=%s", text_at(first, "metadata.continue"));
    json_t *expired = expect_call(server, 410, "GET", target, NULL);
    assert_string_equal(text_at(expired, "reason"), "Expired");
    AUTO_FREE char *fresh =
        mem_printf(THINGS "?continue=%s", text_at(expired, "metadata.continue"));
    expect_names(server, fresh, "c,e,z");
    json_decref(first);
    json_decref(expired);
    server_stop(server);
}

static void test_revisions(void **state)
{
    (void)state;
    struct server *server = begin();
    long long old = create_thing(server, "f", "red");
    delete_thing(server, "f");
    AUTO_FREE char *exact =
        mem_printf(THINGS "?resourceVersion=%lld&resourceVersionMatch=Exact", old);
    AUTO_FREE char *newer =
        mem_printf(THINGS "?resourceVersion=%lld&resourceVersionMatch=NotOlderThan", old);
    expect_names(server, exact, "a,b,c,d,e,f");
    expect_names(server, newer, "a,b,c,d,e");
    expect_names(server, THINGS "?resourceVersion=0", "a,b,c,d,e");
    json_t *future = expect_call(server, 504, "GET", THINGS "?resourceVersion=99999", NULL);
    assert_non_null(
        strstr(text_at(future, "message"), "Timeout: Too large resource version: 99999"));
    assert_int_equal(json_at_int(future, "details.retryAfterSeconds", 0), 1);
    json_decref(future);
    expect_failure(server, 422, "GET", THINGS "?resourceVersionMatch=Exact", NULL, NULL,
                   "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
                   "resourceVersionMatch is forbidden unless resourceVersion is provided");
    expect_failure(server, 422, "GET", THINGS "?sendInitialEvents=true", NULL, NULL,
                   "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: "
                   "sendInitialEvents is forbidden for list");
    json_decref(expect_call(server, 400, "GET", THINGS "?resourceVersion=abc", NULL));
    server_stop(server);
}

static struct answer call_as(struct server *server, const char *target, const char *kind)
{
    AUTO_FREE char *accept =
        mem_printf("accept: application/json;as=%s;v=v1;g=meta.k8s.io,application/json", kind);
    struct answer answer = call(server, "GET", target, accept, NULL);
    assert_int_equal(answer.code, 200);
    return answer;
}

static void test_tables(void **state)
{
    (void)state;
    struct server *server = begin();
    struct answer answer = call_as(server, THINGS "?limit=2", "Table");
    assert_string_equal(text_at(answer.body, "kind"), "Table");
    assert_non_null(json_at(answer.body, "metadata.continue"));
    assert_int_equal(json_array_size(json_at(answer.body, "columnDefinitions")), 2);
    json_t *row = json_array_get(json_at(answer.body, "rows"), 1);
    assert_string_equal(json_string_value(json_array_get(json_at(row, "cells"), 1)), "blue");
    assert_string_equal(text_at(row, "object.kind"), "PartialObjectMetadata");
    assert_string_equal(text_at(row, "object.metadata.labels.color"), "blue");
    assert_null(json_at(row, "object.spec"));
    answer_release(&answer);
    answer = call_as(server, THINGS "/a?includeObject=Object", "Table");
    row = json_array_get(json_at(answer.body, "rows"), 0);
    assert_string_equal(text_at(row, "object.spec.color"), "red");
    answer_release(&answer);
    answer = call_as(server, THINGS "?includeObject=None", "Table");
    assert_true(json_is_null(json_at(json_array_get(json_at(answer.body, "rows"), 0), "object")));
    answer_release(&answer);
    answer = call_as(server, THINGS, "PartialObjectMetadataList");
    assert_string_equal(text_at(answer.body, "kind"), "PartialObjectMetadataList");
    assert_null(json_at(json_array_get(json_at(answer.body, "items"), 0), "spec"));
    answer_release(&answer);
    answer = call_as(server, THINGS "/a", "PartialObjectMetadata");
    assert_string_equal(text_at(answer.body, "apiVersion"), "meta.k8s.io/v1");
    assert_string_equal(text_at(answer.body, "metadata.name"), "a");
    answer_release(&answer);
    server_stop(server);
}

struct waiting {
    pthread_t thread;
    struct server *server;
    int64_t took_ms;
};

static void *ask_for_the_future(void *context)
{
    struct waiting *waiting = context;
    int64_t began = clock_ms();
    struct answer answer =
        call(waiting->server, "GET", THINGS "/a?resourceVersion=999999999", NULL, NULL);
    if (answer.code == 504)
        waiting->took_ms = clock_ms() - began;
    answer_release(&answer);
    return NULL;
}

/* Waiting for a revision takes a worker: clients of another database must not take them all. */
static void test_few_wait_for_the_future(void **state)
{
    (void)state;
    struct server *server = begin();
    struct waiting waiting[20];
    int waited = 0;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(waiting); i++) {
        waiting[i] = (struct waiting){.server = server, .took_ms = -1};
        assert_int_equal(pthread_create(&waiting[i].thread, NULL, ask_for_the_future, &waiting[i]),
                         0);
    }
    for (size_t i = 0; i < MOT_ARRAY_SIZE(waiting); i++) {
        pthread_join(waiting[i].thread, NULL);
        assert_true(waiting[i].took_ms >= 0);
        waited += waiting[i].took_ms >= 3000;
    }
    assert_in_range(waited, 1, 8);
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selectors),     cmocka_unit_test(test_pages_are_one_snapshot),
        cmocka_unit_test(test_expired_token), cmocka_unit_test(test_revisions),
        cmocka_unit_test(test_tables),        cmocka_unit_test(test_few_wait_for_the_future),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
