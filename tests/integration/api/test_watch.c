#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fixture.h"
#include "watch_client.h"

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#define WATCH THINGS "?watch=1"
#define TABLE "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n"

static char *database(void)
{
    static int number;
    AUTO_FREE char *name = mem_printf("watch%d", ++number);
    return fixture_database(name);
}

static struct server *begin_with(const struct api_options *options,
                                 const struct http_server_options *http)
{
    AUTO_FREE char *url = database();
    struct server *server = server_start(url, options);
    server_listen(server, http);
    return server;
}

static struct server *begin(void)
{
    return begin_with(NULL, NULL);
}

static void test_from_the_beginning(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    struct watch_client *stream = watch_open(server->port, WATCH, NULL, false);
    watch_expect(stream, "ADDED", "a");
    long long added = create_thing(server, "b", "red");
    assert_int_equal(watch_expect(stream, "ADDED", "b"), added);
    patch_thing(server, "a", "{\"spec\":{\"color\":\"blue\"}}");
    watch_expect(stream, "MODIFIED", "a");
    patch_thing(server, "a", "{\"spec\":{\"color\":\"blue\"}}"); /* changes nothing */
    delete_thing(server, "b");
    assert_int_equal(watch_expect(stream, "DELETED", "b"), added + 2);
    watch_expect_silence(stream, 200);
    watch_close(stream);
    server_stop(server);
}

static void test_from_a_revision(void **state)
{
    (void)state;
    struct server *server = begin();
    long long first = create_thing(server, "a", "red");
    create_thing(server, "b", "red");
    AUTO_FREE char *target = mem_printf(WATCH "&resourceVersion=%lld", first);
    AUTO_FREE char *future = mem_printf(WATCH "&resourceVersion=%lld", first + 3);
    struct watch_client *stream = watch_open(server->port, target, NULL, false);
    struct watch_client *later = watch_open(server->port, future, NULL, false);
    watch_expect(stream, "ADDED", "b");
    create_thing(server, "c", "red");
    create_thing(server, "d", "red");
    create_thing(server, "e", "red");
    watch_expect(stream, "ADDED", "c");
    watch_expect(stream, "ADDED", "d");
    watch_expect(stream, "ADDED", "e");
    watch_expect(later, "ADDED", "e");
    watch_close(stream);
    watch_close(later);
    server_stop(server);
}

static void test_selectors(void **state)
{
    (void)state;
    struct server *server = begin();
    struct watch_client *red =
        watch_open(server->port, WATCH "&labelSelector=color%3Dred", NULL, false);
    struct watch_client *blue =
        watch_open(server->port, WATCH "&fieldSelector=spec.color%3Dblue", NULL, false);
    struct watch_client *named =
        watch_open(server->port, WATCH "&fieldSelector=metadata.name%3Dx", NULL, false);
    create_thing(server, "x", "red");
    watch_expect(red, "ADDED", "x");
    patch_thing(server, "x",
                "{\"metadata\":{\"labels\":{\"color\":\"blue\"}},\"spec\":{\"color\":\"blue\"}}");
    watch_expect(red, "DELETED", "x");
    watch_expect(blue, "ADDED", "x");
    create_thing(server, "y", "green");
    patch_thing(server, "x",
                "{\"metadata\":{\"labels\":{\"color\":\"red\"}},\"spec\":{\"color\":\"red\"}}");
    watch_expect(red, "ADDED", "x");
    watch_expect(blue, "DELETED", "x");
    delete_thing(server, "x");
    watch_expect(red, "DELETED", "x");
    watch_expect_silence(blue, 200);
    watch_expect(named, "ADDED", "x");
    watch_expect(named, "MODIFIED", "x");
    watch_expect(named, "MODIFIED", "x");
    watch_expect(named, "DELETED", "x");
    watch_close(red);
    watch_close(blue);
    watch_close(named);
    server_stop(server);
}

static void compact(struct server *server)
{
    struct err err = {0};
    struct store_compaction all = {.before_ms = INT64_MAX};
    assert_int_equal(store_compact(server->store, &all, &err), 0);
}

static void test_too_old(void **state)
{
    (void)state;
    AUTO_FREE char *url = database();
    struct server *server = server_start(url, NULL);
    create_thing(server, "a", "red");
    delete_thing(server, "a");
    create_thing(server, "a", "red");
    compact(server);
    server_stop(server);
    server = server_start(url, NULL); /* with an empty window */
    server_listen(server, NULL);
    struct watch_client *stream = watch_open(server->port, WATCH "&resourceVersion=1", NULL, false);
    json_t *event = watch_next(stream, 5000);
    assert_non_null(event);
    assert_string_equal(text_at(event, "type"), "ERROR");
    assert_int_equal(json_at_int(event, "object.code", 0), 410);
    assert_string_equal(text_at(event, "object.reason"), "Expired");
    assert_non_null(strstr(text_at(event, "object.message"), "too old resource version: 1 ("));
    json_decref(event);
    assert_true(watch_ended_well(stream));
    watch_close(stream);
    server_stop(server);
}

static void test_initial_events(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    struct watch_client *stream = watch_open(
        server->port,
        WATCH "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
        NULL, false);
    long long last = watch_expect(stream, "ADDED", "a");
    json_t *mark = watch_next(stream, 5000);
    assert_string_equal(text_at(mark, "type"), "BOOKMARK");
    json_t *annotations = json_at(mark, "object.metadata.annotations");
    assert_string_equal(
        json_string_value(json_object_get(annotations, "k8s.io/initial-events-end")), "true");
    assert_int_equal(strtoll(text_at(mark, "object.metadata.resourceVersion"), NULL, 10), last);
    assert_string_equal(text_at(mark, "object.kind"), "Thing");
    json_decref(mark);
    create_thing(server, "b", "red");
    watch_expect(stream, "ADDED", "b");
    watch_close(stream);
    expect_failure(server, 422, "GET", WATCH "&sendInitialEvents=true", NULL, NULL,
                   "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
                   "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    server_stop(server);
}

static void test_bookmarks_and_timeout(void **state)
{
    (void)state;
    const struct api_options options = {.bookmark_ms = 300};
    struct server *server = begin_with(&options, NULL);
    long long last = create_thing(server, "a", "red");
    struct watch_client *stream =
        watch_open(server->port, WATCH "&allowWatchBookmarks=1&timeoutSeconds=2", NULL, false);
    struct watch_client *without = watch_open(server->port, WATCH "&timeoutSeconds=2", NULL, false);
    watch_expect(stream, "ADDED", "a");
    assert_int_equal(watch_expect(stream, "BOOKMARK", NULL), last);
    /* A bookmark moves on with what happens elsewhere. */
    json_decref(expect_call(server, 201, "POST", "/api/v1/namespaces",
                            "{\"metadata\":{\"name\":\"other\"}}"));
    long long seen = last;
    for (int n = 0; n < 6 && seen == last; n++)
        seen = watch_expect(stream, "BOOKMARK", NULL);
    assert_int_equal(seen, last + 1);
    json_t *event;
    while ((event = watch_next(stream, 5000))) {
        assert_string_equal(text_at(event, "type"), "BOOKMARK");
        json_decref(event);
    }
    assert_true(watch_ended_well(stream));
    watch_expect(without, "ADDED", "a");
    assert_true(watch_ended_well(without));
    watch_close(stream);
    watch_close(without);
    server_stop(server);
}

static void test_tables(void **state)
{
    (void)state;
    struct server *server = begin();
    struct watch_client *stream = watch_open(server->port, WATCH, TABLE, false);
    create_thing(server, "a", "red");
    create_thing(server, "b", "red");
    json_t *first = watch_next(stream, 5000);
    json_t *second = watch_next(stream, 5000);
    assert_string_equal(text_at(first, "object.kind"), "Table");
    assert_true(json_is_array(json_at(first, "object.columnDefinitions")));
    assert_true(json_is_null(json_at(second, "object.columnDefinitions")));
    assert_int_equal(json_array_size(json_at(second, "object.rows")), 1);
    json_decref(first);
    json_decref(second);
    watch_close(stream);
    server_stop(server);
}

static void test_websocket(void **state)
{
    (void)state;
    struct server *server = begin();
    create_thing(server, "a", "red");
    struct watch_client *stream = watch_open_websocket(server->port, WATCH "&timeoutSeconds=1",
                                                       "Origin: http://localhost\r\n");
    watch_expect(stream, "ADDED", "a");
    create_thing(server, "b", "red");
    watch_expect(stream, "ADDED", "b");
    assert_true(watch_ended_well(stream));
    watch_close(stream);
    assert_int_equal(watch_handshake(server->port, WATCH, "Origin: http://evil.example\r\n"), 403);
    assert_int_equal(watch_handshake(server->port, WATCH, "Sec-WebSocket-Protocol: a, b\r\n"), 400);
    assert_int_equal(watch_handshake(server->port, WATCH, "Sec-WebSocket-Protocol: a\r\n"), 101);
    server_stop(server);
}

/* Larger than all queues and windows of the following tests. */
static char *large_patch(int n)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_addf(&buf, "{\"spec\":{\"text\":\"%d ", n);
    for (int i = 0; i < 2000; i++)
        buf_adds(&buf, "0123456789");
    buf_adds(&buf, "\"}}");
    return buf_take(&buf);
}

/* Reads what came before the cut; returns the last revision and counts. */
static long long drain(struct watch_client *stream, long long last, int *count)
{
    json_t *event;
    while ((event = watch_next(stream, 3000))) {
        long long revision = strtoll(text_at(event, "object.metadata.resourceVersion"), NULL, 10);
        assert_int_equal(revision, last + 1); /* nothing lost, nothing doubled */
        last = revision;
        ++*count;
        json_decref(event);
    }
    return last;
}

static void test_slow_watcher_is_cut_and_resumes(void **state)
{
    (void)state;
    enum { WRITES = 400 };
    const struct api_options options = {.window_events = 50, .full_ms = 1000};
    const struct http_server_options http = {.stream_queue_max = 256 << 10};
    struct server *server = begin_with(&options, &http);
    long long last = create_thing(server, "a", "red");
    AUTO_FREE char *target = mem_printf(WATCH "&resourceVersion=%lld", last);
    struct watch_client *slow = watch_open(server->port, target, NULL, true);
    struct watch_client *quick = watch_open(server->port, target, NULL, false);
    int quick_count = 0;
    long long quick_last = last;
    for (int n = 0; n < WRITES; n++) {
        AUTO_FREE char *patch = large_patch(n);
        patch_thing(server, "a", patch);
        json_t *event = watch_next(quick, 5000);
        assert_non_null(event);
        quick_last = strtoll(text_at(event, "object.metadata.resourceVersion"), NULL, 10);
        quick_count++;
        json_decref(event);
    }
    assert_int_equal(quick_count, WRITES);
    int count = 0;
    long long reached = last;
    for (int tries = 0; tries < 50 && reached < quick_last; tries++) {
        if (tries == 0)
            clock_sleep_ms(2500); /* it does not read, and is cut */
        reached = drain(slow, reached, &count);
        if (tries == 0)
            assert_true(reached < quick_last && watch_cut(slow));
        watch_close(slow);
        AUTO_FREE char *resume =
            mem_printf(WATCH "&resourceVersion=%lld&timeoutSeconds=1", reached);
        slow = watch_open(server->port, resume, NULL, false);
    }
    assert_int_equal(reached, quick_last);
    assert_int_equal(count, WRITES);
    watch_close(slow);
    watch_close(quick);
    server_stop(server);
}

/* A list that is larger than the queue comes in pieces of one snapshot. */
static void test_large_initial_list(void **state)
{
    (void)state;
    enum { THINGS_COUNT = 60 };
    const struct http_server_options http = {.stream_queue_max = 64 << 10};
    struct server *server = begin_with(NULL, &http);
    for (int n = 0; n < THINGS_COUNT; n++) {
        AUTO_FREE char *name = mem_printf("t%03d", n);
        AUTO_FREE char *patch = large_patch(n);
        create_thing(server, name, "red");
        patch_thing(server, name, patch);
    }
    struct watch_client *stream = watch_open(server->port, WATCH, NULL, true);
    clock_sleep_ms(300);
    create_thing(server, "t000a", "red");
    delete_thing(server, "t059");
    for (int n = 0; n < THINGS_COUNT; n++) {
        AUTO_FREE char *name = mem_printf("t%03d", n);
        watch_expect(stream, "ADDED", name);
    }
    watch_expect(stream, "ADDED", "t000a");
    watch_expect(stream, "DELETED", "t059");
    watch_close(stream);
    server_stop(server);
}

static void test_restart_in_the_middle(void **state)
{
    (void)state;
    AUTO_FREE char *url = database();
    struct server *server = server_start(url, NULL);
    server_listen(server, NULL);
    long long last = create_thing(server, "a", "red");
    AUTO_FREE char *target = mem_printf(WATCH "&resourceVersion=%lld", last);
    struct watch_client *stream = watch_open(server->port, target, NULL, false);
    patch_thing(server, "a", "{\"spec\":{\"text\":\"1\"}}");
    last = watch_expect(stream, "MODIFIED", "a");
    server_stop(server);
    assert_true(watch_cut(stream));
    watch_close(stream);
    server = server_start(url, NULL);
    for (int n = 2; n < 10; n++) {
        AUTO_FREE char *patch = mem_printf("{\"spec\":{\"text\":\"%d\"}}", n);
        patch_thing(server, "a", patch);
    }
    server_stop(server);
    server = server_start(url, NULL);
    server_listen(server, NULL);
    AUTO_FREE char *resume = mem_printf(WATCH "&resourceVersion=%lld", last);
    stream = watch_open(server->port, resume, NULL, false);
    for (int n = 2; n < 10; n++)
        assert_int_equal(watch_expect(stream, "MODIFIED", "a"), ++last);
    patch_thing(server, "a", "{\"spec\":{\"text\":\"live\"}}");
    assert_int_equal(watch_expect(stream, "MODIFIED", "a"), last + 1);
    watch_close(stream);
    server_stop(server);
}

static void test_two_servers(void **state)
{
    (void)state;
    AUTO_FREE char *url = database();
    struct server *one = server_start(url, NULL);
    struct server *two = server_start(url, NULL);
    server_listen(two, NULL);
    struct watch_client *stream = watch_open(two->port, WATCH, NULL, false);
    create_thing(one, "a", "red");
    watch_expect(stream, "ADDED", "a");
    patch_thing(two, "a", "{\"spec\":{\"color\":\"blue\"}}");
    watch_expect(stream, "MODIFIED", "a");
    delete_thing(one, "a");
    watch_expect(stream, "DELETED", "a");
    watch_close(stream);
    server_stop(one);
    server_stop(two);
}

/* Until the database is back: 503 with Retry-After, and nothing written. */
static void create_when_possible(struct server *server, const char *name)
{
    AUTO_FREE char *body = mem_printf("{\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"Thing\","
                                      "\"metadata\":{\"name\":\"%s\"},\"spec\":{}}",
                                      name);
    for (int tries = 0; tries < 100; tries++) {
        struct answer answer = call(server, "POST", THINGS, NULL, body);
        int code = answer.code;
        bool again = strstr(answer.headers, "Retry-After: ") != NULL;
        answer_release(&answer);
        if (code == 201)
            return;
        assert_int_equal(code, 503);
        assert_true(again);
        clock_sleep_ms(50);
    }
    fail_msg("the database did not come back");
}

static void test_database_crash(void **state)
{
    (void)state;
    struct server *server = begin();
    struct watch_client *stream = watch_open(server->port, WATCH, NULL, false);
    create_thing(server, "a", "red");
    watch_expect(stream, "ADDED", "a");
    fixture_crash();
    create_when_possible(server, "b");
    watch_expect(stream, "ADDED", "b");
    create_thing(server, "c", "red");
    watch_expect(stream, "ADDED", "c");
    watch_close(stream);
    server_stop(server);
}

static void test_many_watchers(void **state)
{
    (void)state;
    enum { WATCHERS = 100 };
    struct watch_client *streams[WATCHERS];
    struct server *server = begin();
    for (int n = 0; n < WATCHERS; n++)
        streams[n] = watch_open(server->port, n % 2 ? WATCH : WATCH "&labelSelector=color%3Dred",
                                n % 3 ? NULL : TABLE, false);
    for (int round = 0; round < 5; round++) {
        AUTO_FREE char *name = mem_printf("a%d", round);
        create_thing(server, name, "red");
    }
    for (int n = 0; n < WATCHERS; n++) {
        for (int round = 0; round < 5; round++)
            watch_expect(streams[n], "ADDED", NULL);
        watch_close(streams[n]);
    }
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_the_beginning),
        cmocka_unit_test(test_from_a_revision),
        cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_initial_events),
        cmocka_unit_test(test_bookmarks_and_timeout),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_websocket),
        cmocka_unit_test(test_slow_watcher_is_cut_and_resumes),
        cmocka_unit_test(test_large_initial_list),
        cmocka_unit_test(test_restart_in_the_middle),
        cmocka_unit_test(test_two_servers),
        cmocka_unit_test(test_database_crash),
        cmocka_unit_test(test_many_watchers),
    };
    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
