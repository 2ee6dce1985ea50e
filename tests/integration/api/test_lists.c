#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/continue.h"

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
    expect_names(server, "/apis/mot.dev/v1alpha1/namespaces/%ff/things", "");
    expect_names(server, THINGS "?fieldSelector=metadata.name%3D%ff", "");
    expect_failure(server, 404, "GET", THINGS "/a%c3", NULL, NULL,
                   "things.mot.dev \"a\\xc3\" not found");
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
    assert_int_equal(json_at_int(page, "metadata.remainingItemCount", 0), 1);
    json_t *items = json_at(page, "items");
    assert_string_equal(text_at(json_array_get(items, 0), "metadata.name"), "c");
    assert_string_equal(text_at(json_array_get(items, 1), "spec.color"), "green");
    AUTO_FREE char *third =
        mem_printf(THINGS "?limit=2&continue=%s", text_at(page, "metadata.continue"));
    json_t *last = expect_call(server, 200, "GET", third, NULL);
    assert_int_equal(json_array_size(json_at(last, "items")), 1);
    assert_string_equal(text_at(last, "metadata.continue"), "");
    assert_null(json_at(last, "metadata.remainingItemCount"));
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
    assert_string_equal(
        text_at(expired, "message"),
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted "
        "between the time the first chunk was returned and now may show up in the list.");
    AUTO_FREE char *fresh =
        mem_printf(THINGS "?continue=%s", text_at(expired, "metadata.continue"));
    expect_names(server, fresh, "c,e,z");
    /* From here on it is one snapshot again. */
    AUTO_FREE char *one = mem_printf("%s&limit=1", fresh);
    json_t *page = expect_call(server, 200, "GET", one, NULL);
    assert_int_equal(json_at_int(page, "metadata.remainingItemCount", 0), 2);
    delete_thing(server, "e");
    AUTO_FREE char *rest = mem_printf(THINGS "?continue=%s", text_at(page, "metadata.continue"));
    expect_names(server, rest, "e,z");
    json_decref(page);
    json_decref(first);
    json_decref(expired);
    server_stop(server);
}

/* "a,b/3": the names of a page and what remains ("-" when that is not said). */
static void expect_page(struct server *server, const char *target, const char *expected)
{
    json_t *list = expect_call(server, 200, "GET", target, NULL);
    struct buf found;
    buf_init(&found, 1024);
    json_t *items = json_at(list, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        buf_addf(&found, "%s%s", i > 0 ? "," : "",
                 text_at(json_array_get(items, i), "metadata.name"));
    json_t *remaining = json_at(list, "metadata.remainingItemCount");
    if (remaining)
        buf_addf(&found, "/%lld", (long long)json_integer_value(remaining));
    else
        buf_adds(&found, "/-");
    assert_string_equal(found.data, expected);
    assert_int_equal(*text_at(list, "metadata.continue") != '\0',
                     remaining != NULL ||
                         (strstr(target, "elector") && json_array_size(items) == 1));
    buf_release(&found);
    json_decref(list);
}

static void test_what_remains(void **state)
{
    (void)state;
    struct server *server = begin();
    long long before = create_thing(server, "f", "red");
    delete_thing(server, "a");
    create_thing(server, "g", "red");
    patch_thing(server, "b", "{\"spec\":{\"color\":\"black\"}}");
    AUTO_FREE char *exact =
        mem_printf(THINGS "?limit=2&resourceVersion=%lld&resourceVersionMatch=Exact", before);
    AUTO_FREE char *legacy = mem_printf(THINGS "?limit=2&resourceVersion=%lld", before);
    AUTO_FREE char *newer = mem_printf(
        THINGS "?limit=2&resourceVersion=%lld&resourceVersionMatch=NotOlderThan", before);
    expect_page(server, exact, "a,b/4");
    expect_page(server, legacy, "a,b/4");
    expect_page(server, newer, "b,c/4");
    expect_page(server, THINGS "?limit=6", "b,c,d,e,f,g/-");
    expect_page(server, THINGS "?limit=5", "b,c,d,e,f/1");
    expect_page(server, THINGS "?limit=2&resourceVersion=0", "b,c,d,e,f,g/-");
    expect_page(server, THINGS "?limit=-1", "b,c,d,e,f,g/-");
    expect_page(server, THINGS "?limit=1&labelSelector=color%3Dred", "c/-");
    expect_page(server, THINGS "?limit=1&fieldSelector=metadata.name!%3Db", "c/-");
    server_stop(server);
}

#define INVALID "ListOptions.meta.k8s.io \"\" is invalid: "
#define MATCH   "resourceVersionMatch: Forbidden: resourceVersionMatch "

static void test_wrong_options(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *query, *message;
    } cases[] = {
        {400, "resourceVersion=abc",
         "invalid resource version: resourceVersion: Invalid value: \"abc\": strconv.ParseUint: "
         "parsing \"abc\": invalid syntax"},
        {400, "resourceVersion=-1",
         "invalid resource version: resourceVersion: Invalid value: \"-1\": strconv.ParseUint: "
         "parsing \"-1\": invalid syntax"},
        {400, "resourceVersion=99999999999999999999",
         "invalid resource version: resourceVersion: Invalid value: \"99999999999999999999\": "
         "strconv.ParseUint: parsing \"99999999999999999999\": value out of range"},
        {400, "limit=x", "strconv.ParseInt: parsing \"x\": invalid syntax"},
        {400, "limit=1%20", "strconv.ParseInt: parsing \"1 \": invalid syntax"},
        {400, "timeoutSeconds=", "strconv.ParseInt: parsing \"\": invalid syntax"},
        {422, "resourceVersionMatch=Exact",
         INVALID MATCH "is forbidden unless resourceVersion is provided"},
        {422, "resourceVersionMatch=Bad",
         INVALID
         "[" MATCH
         "is forbidden unless resourceVersion is provided, resourceVersionMatch: Unsupported "
         "value: \"Bad\": supported values: \"Exact\", \"NotOlderThan\", \"\"]"},
        {422, "resourceVersionMatch=Bad&resourceVersion=1",
         INVALID "resourceVersionMatch: Unsupported value: \"Bad\": supported values: \"Exact\", "
                 "\"NotOlderThan\", \"\""},
        {422, "resourceVersionMatch=Exact&resourceVersion=0",
         INVALID MATCH "\"exact\" is forbidden for resourceVersion \"0\""},
        {422, "resourceVersionMatch=Exact&resourceVersion=0&continue=x&sendInitialEvents=1",
         INVALID "[" MATCH "is forbidden when continue is provided, " MATCH
                 "\"exact\" is forbidden for resourceVersion \"0\", sendInitialEvents: Forbidden: "
                 "sendInitialEvents is forbidden for list]"},
        {422, "sendInitialEvents=false",
         INVALID "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"},
        {400, "continue=x",
         "invalid continue token: continue key is not valid: it is none of this server's"},
        {400, "continue=x&resourceVersion=5",
         "invalid continue token: continue key is not valid: it is none of this server's"},
        {400, "labelSelector=a%20b",
         "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
        {400, "fieldSelector=x", "invalid selector: 'x'; can't understand 'x'"},
        {400, "fieldSelector=spec.size%3D1", "field label not supported: spec.size"},
    };
    struct server *server = begin();
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *target = mem_printf(THINGS "?%s", cases[i].query);
        print_message("%s\n", cases[i].query);
        expect_failure(server, cases[i].code, "GET", target, NULL, NULL, cases[i].message);
    }
    json_t *first = expect_call(server, 200, "GET", THINGS "?limit=2", NULL);
    AUTO_FREE char *both =
        mem_printf(THINGS "?resourceVersion=3&continue=%s", text_at(first, "metadata.continue"));
    expect_failure(server, 400, "GET", both, NULL, NULL,
                   "specifying resource version is not allowed when using continue");
    json_decref(first);
    server_stop(server);
}

/* What a client got from another database, or from this one before it was restored. */
static void test_revisions_of_another_database(void **state)
{
    (void)state;
    struct server *server = begin();
    static char ns[] = "default", name[] = "a";
    struct continuation later = {.revision = 999, .remaining = -1, .ns = ns, .name = name};
    AUTO_FREE char *token = continue_encode(&later);
    AUTO_FREE char *from_token = mem_printf(THINGS "?continue=%s", token);
    const char *const targets[] = {THINGS "?resourceVersion=999",
                                   THINGS "?resourceVersion=999&resourceVersionMatch=Exact",
                                   THINGS "/a?resourceVersion=999", from_token};
    long long now = create_thing(server, "f", "red");
    AUTO_FREE char *message =
        mem_printf("Timeout: Too large resource version: 999, current: %lld", now);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(targets); i++) {
        struct answer answer = call(server, "GET", targets[i], NULL, NULL);
        assert_int_equal(answer.code, 504);
        assert_string_equal(text_at(answer.body, "message"), message);
        assert_string_equal(text_at(answer.body, "reason"), "Timeout");
        json_t *causes = json_at(answer.body, "details.causes");
        assert_int_equal(json_array_size(causes), 1);
        assert_string_equal(text_at(json_array_get(causes, 0), "reason"),
                            "ResourceVersionTooLarge");
        assert_int_equal(json_at_int(answer.body, "details.retryAfterSeconds", 0), 1);
        assert_non_null(strstr(answer.headers, "Retry-After: 1\r\n"));
        answer_release(&answer);
    }
    server_stop(server);
}

static void test_too_old_revision(void **state)
{
    (void)state;
    struct server *server = begin();
    delete_thing(server, "a");
    create_thing(server, "z", "red");
    compact(server);
    expect_failure(server, 410, "GET", THINGS "?resourceVersion=2&resourceVersionMatch=Exact", NULL,
                   NULL, "The resourceVersion for the provided list is too old.");
    expect_names(server, THINGS "?resourceVersion=2", "b,c,d,e,z");
    server_stop(server);
}

/* What slow readers keep in memory is bounded together: beyond that, large lists have to wait, and
 * small ones don't. */
static void test_answers_have_a_budget(void **state)
{
    (void)state;
    AUTO_FREE char *url = fixture_database("budget");
    const struct api_options options = {.answer_bytes = 3 << 20};
    struct server *server = server_start(url, &options);
    AUTO_FREE char *text = mem_alloc(100001);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    for (int n = 0; n < 17; n++) {
        AUTO_FREE char *name = mem_printf("t%02d", n);
        AUTO_FREE char *patch = mem_printf("{\"spec\":{\"text\":\"%s\"}}", text);
        create_thing(server, name, "red");
        patch_thing(server, name, patch);
    }
    struct answer held[3];
    held[0] = call(server, "GET", THINGS, NULL, NULL);
    held[1] = call(server, "GET", THINGS, NULL, NULL);
    assert_int_equal(held[0].code, 200);
    assert_int_equal(held[1].code, 200);
    held[2] = call(server, "GET", THINGS, NULL, NULL);
    assert_int_equal(held[2].code, 200);
    struct answer refused = call(server, "GET", THINGS, NULL, NULL);
    assert_int_equal(refused.code, 429);
    assert_string_equal(text_at(refused.body, "reason"), "TooManyRequests");
    assert_non_null(strstr(refused.headers, "Retry-After: 1\r\n"));
    answer_release(&refused);
    json_decref(expect_call(server, 200, "GET", THINGS "?limit=5", NULL));
    for (size_t i = 0; i < MOT_ARRAY_SIZE(held); i++)
        answer_release(&held[i]);
    /* YAML takes a tree, too. */
    refused = call(server, "GET", THINGS, "accept: application/yaml", NULL);
    assert_int_equal(refused.code, 429);
    answer_release(&refused);
    json_decref(expect_call(server, 200, "GET", THINGS, NULL));
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

#define AS(kind) "accept: application/json;as=" kind ";v=v1;g=meta.k8s.io,application/json"

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
    assert_null(json_at(answer.body, "metadata.continue"));
    answer_release(&answer);
    expect_failure(server, 406, "GET", THINGS, AS("PartialObjectMetadata"), NULL,
                   "you requested PartialObjectMetadata, but the requested object is a list "
                   "(*unstructured.UnstructuredList)");
    expect_failure(server, 400, "GET", THINGS "?includeObject=x", AS("Table"), NULL,
                   "Unable to convert to Table as requested: includeObject: Invalid value: \"x\": "
                   "must be 'Metadata', 'Object', 'None', or empty");
    json_decref(expect_call(server, 200, "GET", THINGS "?includeObject=x", NULL));
    expect_failure(server, 406, "GET", THINGS, "accept: text/html", NULL,
                   "only the following media types are accepted: application/json, "
                   "application/yaml");
    answer = call_as(server, THINGS "/a", "PartialObjectMetadata");
    assert_string_equal(text_at(answer.body, "apiVersion"), "meta.k8s.io/v1");
    assert_string_equal(text_at(answer.body, "metadata.name"), "a");
    answer_release(&answer);
    server_stop(server);
}

/* A list of metadata as client-go's metadata client asks for it. */
static void test_metadata_list(void **state)
{
    (void)state;
    struct server *server = begin();
    struct answer answer = call(server, "GET", THINGS "?limit=2",
                                "accept: "
                                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;"
                                "g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;"
                                "g=meta.k8s.io;v=v1,application/json",
                                NULL);
    assert_int_equal(answer.code, 200);
    assert_string_equal(text_at(answer.body, "kind"), "PartialObjectMetadataList");
    assert_string_equal(text_at(answer.body, "apiVersion"), "meta.k8s.io/v1");
    assert_int_equal(json_at_int(answer.body, "metadata.remainingItemCount", 0), 3);
    assert_true(*text_at(answer.body, "metadata.continue") != '\0');
    json_t *item = json_array_get(json_at(answer.body, "items"), 1);
    assert_string_equal(text_at(item, "kind"), "PartialObjectMetadata");
    assert_string_equal(text_at(item, "metadata.name"), "b");
    assert_null(json_at(item, "spec"));
    answer_release(&answer);
    server_stop(server);
}

static void test_yaml(void **state)
{
    (void)state;
    struct server *server = begin();
    struct answer answer = call(server, "GET", THINGS "?limit=1", "accept: application/yaml", NULL);
    assert_int_equal(answer.code, 200);
    assert_null(answer.body);
    assert_non_null(strstr(answer.text, "kind: ThingList\n"));
    assert_non_null(strstr(answer.text, "remainingItemCount: 4\n"));
    assert_non_null(strstr(answer.text, "color: red\n"));
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
        cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_pages_are_one_snapshot),
        cmocka_unit_test(test_expired_token),
        cmocka_unit_test(test_what_remains),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_revisions_of_another_database),
        cmocka_unit_test(test_too_old_revision),
        cmocka_unit_test(test_answers_have_a_budget),
        cmocka_unit_test(test_revisions),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_metadata_list),
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_few_wait_for_the_future),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
