/* How watches may begin, and the forms their events come in; what a real kube-apiserver said to the
 * same requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fixture.h"
#include "watch_client.h"

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#define ALL     "/apis/mot.dev/v1alpha1/things"
#define WATCH   THINGS "?watch=1"
#define INITIAL "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
#define MARKS   "&allowWatchBookmarks=true"
#define TABLE   "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n"

static struct server *begin_at(const char *url)
{
    static const char *const origins[] = {"https://ui.example", NULL};
    const struct api_options options = {.allowed_origins = origins};
    struct server *server = server_start(url, &options);
    server_listen(server, NULL);
    return server;
}

static struct server *begin(void)
{
    static int number;
    AUTO_FREE char *name = mem_printf("forms%d", ++number);
    AUTO_FREE char *url = fixture_database(name);
    return begin_at(url);
}

static bool is_end_of_initial(const json_t *event)
{
    json_t *annotations = json_at(event, "object.metadata.annotations");
    const char *mark = json_string_value(json_object_get(annotations, "k8s.io/initial-events-end"));
    return strcmp(text_at(event, "type"), "BOOKMARK") == 0 && mark && strcmp(mark, "true") == 0;
}

/* One ADDED of "a", and then @marked: the bookmark; else the end of the stream. */
static void expect_beginning(struct server *server, const char *query, bool marked)
{
    AUTO_FREE char *target = mem_printf(WATCH "&timeoutSeconds=1%s", query);
    print_message("%s\n", query);
    struct watch_client *stream = watch_open(server->port, target, NULL, false);
    watch_expect(stream, "ADDED", "a");
    if (marked) {
        json_t *event = watch_next(stream, 5000);
        assert_non_null(event);
        assert_true(is_end_of_initial(event));
        assert_string_equal(text_at(event, "object.kind"), "Thing");
        assert_string_equal(text_at(event, "object.apiVersion"), "mot.dev/v1alpha1");
        json_decref(event);
        watch_expect(stream, "BOOKMARK", NULL); /* the one before the end */
    }
    assert_true(watch_ended_well(stream));
    watch_close(stream);
}

static void test_beginnings(void **state)
{
    (void)state;
    struct server *server = begin();
    long long revision = create_thing(server, "a", "red");
    AUTO_FREE char *since = mem_printf(INITIAL MARKS "&resourceVersion=%lld", revision);
    expect_beginning(server, "", false);
    expect_beginning(server, "&resourceVersion=0", false);
    expect_beginning(server, MARKS, true);
    expect_beginning(server, MARKS "&resourceVersion=0", true);
    expect_beginning(server, INITIAL, false);
    expect_beginning(server, INITIAL MARKS, true);
    expect_beginning(server, INITIAL MARKS "&resourceVersion=0", true);
    expect_beginning(server, since, true);
    server_stop(server);
}

/* Who has seen the head of the answer sees every change from then on, also when it takes long until
 * the initial events are read. */
static void test_nothing_is_missed_behind_the_head(void **state)
{
    (void)state;
    enum { WATCHES = 30 };
    AUTO_FREE char *url = fixture_database("head");
    const struct api_options options = {.loaders = 1};
    struct server *server = server_start(url, &options);
    server_listen(server, NULL);
    for (int n = 0; n < 20; n++) {
        AUTO_FREE char *name = mem_printf("old-%02d", n);
        create_thing(server, name, "red");
    }
    struct watch_client *streams[WATCHES];
    for (int i = 0; i < WATCHES; i++)
        streams[i] = watch_open(server->port, WATCH, NULL, false);
    long long created = create_thing(server, "x", "red");
    delete_thing(server, "x");
    for (int i = 0; i < WATCHES; i++) {
        for (int n = 0; n < 20; n++) {
            AUTO_FREE char *name = mem_printf("old-%02d", n);
            watch_expect(streams[i], "ADDED", name);
        }
        assert_int_equal(watch_expect(streams[i], "ADDED", "x"), created);
        assert_int_equal(watch_expect(streams[i], "DELETED", "x"), created + 1);
        watch_close(streams[i]);
    }
    server_stop(server);
}

/* Only what comes after, and no mark. */
static void test_without_initial_events(void **state)
{
    (void)state;
    struct server *server = begin();
    long long revision = create_thing(server, "a", "red");
    AUTO_FREE char *since = mem_printf(
        WATCH MARKS
        "&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=%lld",
        revision - 1);
    struct watch_client *now = watch_open(
        server->port, WATCH MARKS "&sendInitialEvents=false&resourceVersionMatch=NotOlderThan",
        NULL, false);
    struct watch_client *then = watch_open(server->port, since, NULL, false);
    watch_expect(then, "ADDED", "a");
    watch_expect_silence(now, 200);
    create_thing(server, "b", "red");
    watch_expect(now, "ADDED", "b");
    watch_expect(then, "ADDED", "b");
    watch_close(now);
    watch_close(then);
    server_stop(server);
}

#define INVALID "ListOptions.meta.k8s.io \"\" is invalid: "
#define MATCH   "resourceVersionMatch: Forbidden: "

static void test_wrong_options(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *query, *message;
    } cases[] = {
        {422, "&sendInitialEvents=true",
         INVALID MATCH "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"},
        {422, "&sendInitialEvents=false",
         INVALID MATCH "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"},
        {422, "&sendInitialEvents=true&resourceVersionMatch=Exact",
         INVALID "[" MATCH
                 "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, "
                 "resourceVersionMatch: Unsupported value: \"Exact\": supported values: "
                 "\"NotOlderThan\"]"},
        {422, "&resourceVersionMatch=NotOlderThan",
         INVALID MATCH "resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
                       "provided"},
        {422, "&resourceVersionMatch=Exact",
         INVALID "[" MATCH "resourceVersionMatch is forbidden for watch unless sendInitialEvents "
                 "is provided, resourceVersionMatch: Unsupported value: \"Exact\": supported "
                 "values: \"NotOlderThan\"]"},
        {422, INITIAL "&continue=x",
         INVALID MATCH "resourceVersionMatch is forbidden when continue is provided"},
        {422, "&continue=x",
         INVALID MATCH "resourceVersionMatch is forbidden when continue is provided"},
        {422, MARKS "&resourceVersion=0&continue=x",
         INVALID MATCH "resourceVersionMatch is forbidden when continue is provided"},
        {400, "&timeoutSeconds=x", "strconv.ParseInt: parsing \"x\": invalid syntax"},
        {400, "&resourceVersion=abc",
         "resourceVersion: Invalid value: \"abc\": strconv.ParseUint: parsing \"abc\": invalid "
         "syntax"},
        {400, "&fieldSelector=spec.size%3D1", "field label not supported: spec.size"},
    };
    struct server *server = begin();
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *target = mem_printf(WATCH "%s", cases[i].query);
        print_message("%s\n", cases[i].query);
        expect_failure(server, cases[i].code, "GET", target, NULL, NULL, cases[i].message);
    }
    expect_failure(server, 406, "GET", WATCH, "accept: application/yaml", NULL,
                   "only the following media types are accepted: application/json;stream=watch");
    expect_failure(server, 400, "GET", WATCH "&includeObject=x",
                   "accept: application/json;as=Table;v=v1;g=meta.k8s.io", NULL,
                   "Unable to convert to Table as requested: includeObject: Invalid value: \"x\": "
                   "must be 'Metadata', 'Object', 'None', or empty");
    server_stop(server);
}

/* Initial events not older than a revision that does not come: told in the stream. */
static void test_revision_of_another_database(void **state)
{
    (void)state;
    struct server *server = begin();
    long long now = create_thing(server, "a", "red");
    struct watch_client *stream =
        watch_open(server->port, WATCH INITIAL "&resourceVersion=9999", NULL, false);
    json_t *event = watch_next(stream, 10000);
    assert_non_null(event);
    AUTO_FREE char *message =
        mem_printf("Timeout: Too large resource version: 9999, current: %lld", now);
    assert_string_equal(text_at(event, "type"), "ERROR");
    assert_int_equal(json_at_int(event, "object.code", 0), 504);
    assert_string_equal(text_at(event, "object.message"), message);
    assert_int_equal(json_at_int(event, "object.details.retryAfterSeconds", 0), 1);
    json_decref(event);
    assert_true(watch_ended_well(stream));
    watch_close(stream);
    server_stop(server);
}

/* What stops matching is told as it was while it matched, with the revision of the change. */
static void expect_left(struct watch_client *stream, const char *name, long long revision)
{
    json_t *event = watch_next(stream, 5000);
    assert_non_null(event);
    assert_string_equal(text_at(event, "type"), "DELETED");
    assert_string_equal(text_at(event, "object.metadata.name"), name);
    assert_string_equal(text_at(event, "object.metadata.labels.color"), "red");
    assert_string_equal(text_at(event, "object.spec.color"), "red");
    assert_int_equal(strtoll(text_at(event, "object.metadata.resourceVersion"), NULL, 10),
                     revision);
    json_decref(event);
}

#define TO_BLUE "{\"metadata\":{\"labels\":{\"color\":\"blue\"}},\"spec\":{\"color\":\"blue\"}}"

static void test_leaving_a_selection(void **state)
{
    (void)state;
    AUTO_FREE char *url = fixture_database("leaving");
    struct server *server = begin_at(url);
    long long first = create_thing(server, "x", "red");
    create_thing(server, "y", "red");
    struct watch_client *labels =
        watch_open(server->port, WATCH "&labelSelector=color%3Dred", NULL, false);
    struct watch_client *fields =
        watch_open(server->port, WATCH "&fieldSelector=spec.color%3Dred", NULL, false);
    struct watch_client *streams[] = {labels, fields};
    for (size_t i = 0; i < 2; i++) {
        watch_expect(streams[i], "ADDED", "x");
        watch_expect(streams[i], "ADDED", "y");
    }
    long long left = patch_thing(server, "x", TO_BLUE);
    long long also = patch_thing(server, "y", TO_BLUE);
    for (size_t i = 0; i < 2; i++) {
        expect_left(streams[i], "x", left);
        expect_left(streams[i], "y", also);
        watch_close(streams[i]);
    }
    server_stop(server);
    /* And from the change log, when the window has nothing of it. */
    server = begin_at(url);
    AUTO_FREE char *target =
        mem_printf(WATCH "&labelSelector=color%%3Dred&resourceVersion=%lld", first);
    struct watch_client *late = watch_open(server->port, target, NULL, false);
    watch_expect(late, "ADDED", "y");
    expect_left(late, "x", left);
    expect_left(late, "y", also);
    create_thing(server, "z", "red");
    watch_expect(late, "ADDED", "z");
    watch_close(late);
    server_stop(server);
}

/* The deprecated paths, and what names one object. */
static void test_one_object(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    create_thing(server, "b", "red");
    static const char *const targets[] = {
        "/apis/mot.dev/v1alpha1/watch/namespaces/default/things/b",
        "/apis/mot.dev/v1alpha1/watch/namespaces/default/things/b?fieldSelector=metadata.name%3Db",
        "/apis/mot.dev/v1alpha1/watch/namespaces/default/things?fieldSelector=metadata.name%3Db",
        "/apis/mot.dev/v1alpha1/watch/things?fieldSelector=metadata.name%3Db,metadata.namespace%3D"
        "default",
        ALL "?watch=true&fieldSelector=metadata.name%3Db",
        WATCH "&fieldSelector=metadata.name%3Db",
    };
    struct watch_client *streams[MOT_ARRAY_SIZE(targets)];
    for (size_t i = 0; i < MOT_ARRAY_SIZE(targets); i++) {
        streams[i] = watch_open(server->port, targets[i], NULL, false);
        watch_expect(streams[i], "ADDED", "b");
    }
    patch_thing(server, "a", TO_BLUE);
    patch_thing(server, "b", TO_BLUE);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(targets); i++) {
        watch_expect(streams[i], "MODIFIED", "b");
        watch_close(streams[i]);
    }
    expect_failure(server, 400, "GET",
                   "/apis/mot.dev/v1alpha1/watch/namespaces/default/things/"
                   "b?fieldSelector=metadata.name%3Da",
                   NULL, NULL, "fieldSelector metadata.name doesn't match requested name");
    /* As for a real server, an object by its own path is got, not watched. */
    json_t *object = expect_call(server, 200, "GET", THINGS "/b?watch=true", NULL);
    assert_string_equal(text_at(object, "kind"), "Thing");
    json_decref(object);
    expect_failure(server, 404, "GET", THINGS "/nope?watch=true", NULL, NULL,
                   "things.mot.dev \"nope\" not found");
    server_stop(server);
}

static json_t *row_of(const json_t *event)
{
    assert_string_equal(text_at(event, "object.kind"), "Table");
    assert_int_equal(json_array_size(json_at(event, "object.rows")), 1);
    return json_array_get(json_at(event, "object.rows"), 0);
}

/* @kind: of the row's object, NULL for none. */
static void expect_rows(struct server *server, const char *include, const char *kind,
                        const char *mark_kind)
{
    AUTO_FREE char *target = mem_printf(WATCH INITIAL MARKS "%s", include);
    struct watch_client *stream = watch_open(server->port, target, TABLE, false);
    json_t *added = watch_next(stream, 5000);
    json_t *mark = watch_next(stream, 5000);
    assert_true(json_is_array(json_at(added, "object.columnDefinitions")));
    assert_true(json_is_null(json_at(mark, "object.columnDefinitions")));
    json_t *row = row_of(added);
    assert_string_equal(json_string_value(json_array_get(json_at(row, "cells"), 0)), "a");
    if (kind)
        assert_string_equal(text_at(row, "object.kind"), kind);
    else
        assert_true(json_is_null(json_at(row, "object")));
    row = row_of(mark);
    AUTO_FREE char *cells = json_text(json_at(row, "cells"));
    assert_string_equal(cells, "[\"\",null]");
    assert_string_equal(text_at(row, "object.kind"), mark_kind);
    json_t *annotations = json_at(row, "object.metadata.annotations");
    assert_non_null(json_object_get(annotations, "k8s.io/initial-events-end"));
    assert_string_equal(text_at(row, "object.metadata.resourceVersion"),
                        text_at(mark, "object.metadata.resourceVersion"));
    json_decref(added);
    json_decref(mark);
    watch_close(stream);
}

static void test_tables(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    expect_rows(server, "", "PartialObjectMetadata", "PartialObjectMetadata");
    expect_rows(server, "&includeObject=Object", "Thing", "Thing");
    expect_rows(server, "&includeObject=None", NULL, "PartialObjectMetadata");
    server_stop(server);
}

/* As client-go's metadata informers ask. */
static void test_metadata(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    struct watch_client *stream = watch_open(
        server->port, WATCH INITIAL MARKS,
        "Accept: application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json\r\n",
        false);
    json_t *added = watch_next(stream, 5000);
    json_t *mark = watch_next(stream, 5000);
    assert_string_equal(text_at(added, "object.kind"), "PartialObjectMetadata");
    assert_string_equal(text_at(added, "object.apiVersion"), "meta.k8s.io/v1");
    assert_string_equal(text_at(added, "object.metadata.labels.color"), "red");
    assert_null(json_at(added, "object.spec"));
    assert_true(is_end_of_initial(mark));
    assert_string_equal(text_at(mark, "object.kind"), "PartialObjectMetadata");
    patch_thing(server, "a", TO_BLUE);
    json_t *modified = watch_next(stream, 5000);
    assert_string_equal(text_at(modified, "object.metadata.labels.color"), "blue");
    assert_string_equal(text_at(modified, "object.kind"), "PartialObjectMetadata");
    json_decref(added);
    json_decref(mark);
    json_decref(modified);
    watch_close(stream);
    server_stop(server);
}

static void expect_echo(struct server *server, const char *headers, const char *expected)
{
    AUTO_FREE char *head = watch_handshake_head(server->port, WATCH, headers);
    AUTO_FREE char *line = mem_printf("\r\nSec-WebSocket-Protocol: %s\r\n", expected);
    assert_int_equal(strncmp(head, "HTTP/1.1 101 ", 13), 0);
    if (expected && !strcasestr(head, line))
        fail_msg("%s is not in %s", line, head);
    if (!expected)
        assert_null(strcasestr(head, "Sec-WebSocket-Protocol"));
}

#define BEARER "base64url.bearer.authorization.k8s.io.dG9rZW4"

static void test_websocket_handshakes(void **state)
{
    (void)state;
    struct server *server = begin();
    expect_echo(server, "", NULL);
    expect_echo(server, "Origin: https://ui.example\r\n", NULL);
    expect_echo(server, "Sec-WebSocket-Protocol: base64.binary.k8s.io\r\n", "base64.binary.k8s.io");
    expect_echo(server, "Sec-WebSocket-Protocol: " BEARER ", base64.binary.k8s.io\r\n",
                "base64.binary.k8s.io");
    expect_echo(server, "Sec-WebSocket-Protocol: v1.x, binary.k8s.io\r\n", "binary.k8s.io");
    assert_int_equal(watch_handshake(server->port, WATCH, "Origin: http://ui.example\r\n"), 403);
    assert_int_equal(watch_handshake(server->port, WATCH, "Origin: null\r\n"), 403);
    assert_int_equal(watch_handshake(server->port, WATCH, "Sec-WebSocket-Protocol: a, b\r\n"), 400);
    server_stop(server);
}

/* Text frames, whatever sub-protocol was agreed on; tables, errors and the end as over HTTP. */
static void test_websocket_frames(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    struct watch_client *stream =
        watch_open_websocket(server->port, WATCH INITIAL MARKS "&timeoutSeconds=1",
                             TABLE "Sec-WebSocket-Protocol: " BEARER ", base64.binary.k8s.io\r\n");
    json_t *added = watch_next(stream, 5000);
    assert_non_null(added);
    assert_string_equal(json_string_value(json_array_get(json_at(row_of(added), "cells"), 0)), "a");
    json_decref(added);
    json_t *event;
    while ((event = watch_next(stream, 5000))) {
        assert_string_equal(text_at(event, "type"), "BOOKMARK");
        json_decref(event);
    }
    assert_true(watch_ended_well(stream));
    watch_close(stream);
    stream = watch_open_websocket(server->port, WATCH INITIAL "&resourceVersion=9999", NULL);
    event = watch_next(stream, 10000);
    assert_non_null(event);
    assert_string_equal(text_at(event, "type"), "ERROR");
    json_decref(event);
    assert_true(watch_ended_well(stream));
    watch_close(stream);
    server_stop(server);
}

/* As far back as the change log goes, and not a step further. */
static void test_history(void **state)
{
    (void)state;
    AUTO_FREE char *url = fixture_database("history");
    struct server *server = begin_at(url);
    long long first = create_thing(server, "a", "red");
    for (int n = 0; n < 20; n++) {
        AUTO_FREE char *patch = mem_printf("{\"spec\":{\"text\":\"%d\"}}", n);
        patch_thing(server, "a", patch);
    }
    server_stop(server);
    server = begin_at(url); /* with an empty window */
    AUTO_FREE char *whole = mem_printf(WATCH "&resourceVersion=%lld", first - 1);
    struct watch_client *stream = watch_open(server->port, whole, NULL, false);
    assert_int_equal(watch_expect(stream, "ADDED", "a"), first);
    for (int n = 0; n < 20; n++)
        assert_int_equal(watch_expect(stream, "MODIFIED", "a"), first + 1 + n);
    watch_close(stream);
    struct store_compaction compaction = {.before_ms = INT64_MAX, .keep_prefix = "test/"};
    AUTO_FREE char *kept = mem_printf("%lld", first + 10);
    struct store_position position = {.name = "test/x", .value = kept};
    struct store_commit commit = {.positions = &position, .position_count = 1};
    struct err err = {0};
    assert_int_equal(store_commit(server->store, &commit, &err), 0);
    assert_int_equal(store_compact(server->store, &compaction, &err), 0);
    assert_int_equal(compaction.floor, first + 10);
    AUTO_FREE char *oldest = mem_printf(WATCH "&resourceVersion=%lld", first + 10);
    stream = watch_open(server->port, oldest, NULL, false);
    for (int n = 10; n < 20; n++)
        assert_int_equal(watch_expect(stream, "MODIFIED", "a"), first + 1 + n);
    watch_close(stream);
    AUTO_FREE char *older = mem_printf(WATCH "&resourceVersion=%lld", first + 9);
    AUTO_FREE char *message =
        mem_printf("too old resource version: %lld (%lld)", first + 9, first + 10);
    stream = watch_open(server->port, older, NULL, false);
    json_t *event = watch_next(stream, 5000);
    assert_non_null(event);
    assert_string_equal(text_at(event, "type"), "ERROR");
    assert_string_equal(text_at(event, "object.message"), message);
    json_decref(event);
    assert_true(watch_ended_well(stream));
    watch_close(stream);
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_nothing_is_missed_behind_the_head),
        cmocka_unit_test(test_without_initial_events),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_revision_of_another_database),
        cmocka_unit_test(test_leaving_a_selection),
        cmocka_unit_test(test_one_object),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_websocket_handshakes),
        cmocka_unit_test(test_websocket_frames),
        cmocka_unit_test(test_history),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
