/* What the server refuses before a handler sees it is told to whoever keeps the books. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>

#include "client.h"
#include "fixture.h"

#define H "Host: x\r\n"

/* The last one, and how many there were. */
static struct {
    pthread_mutex_t lock;
    int count, status;
    char reason[64], message[128], peer[64], method[16], target[128], agent[32];
    bool understood;
} told = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void copy(char *to, size_t size, const char *text)
{
    (void)snprintf(to, size, "%s", text ? text : "");
}

static void on_refused(void *context, const struct http_refusal *refusal)
{
    (void)context;
    const struct http_request *request = refusal->request;
    pthread_mutex_lock(&told.lock);
    told.count++;
    told.status = refusal->status;
    told.understood = request != NULL;
    copy(told.reason, sizeof(told.reason), refusal->reason);
    copy(told.message, sizeof(told.message), refusal->message);
    copy(told.peer, sizeof(told.peer), refusal->peer);
    copy(told.method, sizeof(told.method), refusal->method);
    copy(told.target, sizeof(told.target), refusal->target);
    copy(told.agent, sizeof(told.agent), request ? http_header(request, "user-agent") : NULL);
    pthread_mutex_unlock(&told.lock);
}

/* The server is asked again only after the one before was told. */
static void expect_told(int count, const char *what, int status, const char *method,
                        const char *target, bool understood)
{
    pthread_mutex_lock(&told.lock);
    bool same = told.count == count && told.status == status && strcmp(told.method, method) == 0 &&
                strcmp(told.target, target) == 0 && told.understood == understood;
    bool said = strncmp(told.peer, "127.0.0.1:", strlen("127.0.0.1:")) == 0 && *told.message;
    pthread_mutex_unlock(&told.lock);
    if (!same)
        fail_msg("%s: told %d times, of %d: %d \"%s\" \"%s\" %d", what, told.count, count,
                 told.status, told.method, told.target, told.understood);
    assert_true(said);
}

static void expect_status(struct client *client, const char *what, int status)
{
    struct reply reply = client_reply(client, false);
    if (reply.status != status)
        fail_msg("%s: %d", what, reply.status);
    reply_release(&reply);
}

static void each_is_told_with_what_is_known(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *name, *bytes;
        int status;
        const char *method, *target;
        bool understood;
    } rows[] = {
        {"too large", "POST /a/b?c=d HTTP/1.1\r\n" H "Content-Length: 99999999\r\n\r\n", 413,
         "POST", "/a/b?c=d", true},
        {"two lengths", "POST /a HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
         400, "POST", "/a", false},
        {"bad length", "POST /a HTTP/1.1\r\n" H "Content-Length: x\r\n\r\n", 400, "POST", "/a",
         false},
        {"bad chunk", "PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400,
         "PUT", "/a", true},
        {"no host", "GET /a HTTP/1.1\r\n\r\n", 400, "GET", "/a", false},
        {"fold", "GET /a HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400, "GET", "/a", false},
        {"trace", "TRACE /a HTTP/1.1\r\n" H "\r\n", 405, "TRACE", "/a", false},
        {"unknown method", "FOO /a HTTP/1.1\r\n" H "\r\n", 501, "", "", false},
        {"garbage", "\x01\x02\x03\x04garbage\r\n\r\n", 400, "", "", false},
        {"websocket",
         "GET /w HTTP/1.1\r\n" H
         "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         426, "GET", "/w", true},
    };
    told.count = 0;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        struct client *client = client_open(fixture->port);
        assert_true(client_says(client, rows[i].bytes));
        expect_status(client, rows[i].name, rows[i].status);
        expect_told((int)i + 1, rows[i].name, rows[i].status, rows[i].method, rows[i].target,
                    rows[i].understood);
        client_close(client);
    }
    assert_int_equal(http_server_counts(fixture->server).refused, MOT_ARRAY_SIZE(rows));
}

static void what_is_too_long_is_told_in_part(void **state)
{
    struct fixture *fixture = *state;
    AUTO_FREE char *filler = mem_zalloc(100001);
    memset(filler, 'a', 100000);
    told.count = 0;
    struct client *client = client_open(fixture->port);
    client_says(client, "GET /x?y HTTP/1.1\r\n" H "User-Agent: tester\r\nX: ");
    client_says(client, filler);
    expect_status(client, "headers", 431);
    expect_told(1, "headers", 431, "GET", "/x?y", false);
    assert_string_equal(told.reason, "RequestHeaderFieldsTooLarge");
    client_close(client);
    client = client_open(fixture->port);
    client_says(client, "GET /");
    client_says(client, filler);
    expect_status(client, "target", 414);
    assert_int_equal(told.count, 2);
    assert_string_equal(told.method, "GET");
    assert_int_equal(strncmp(told.target, "/aaaa", 5), 0);
    client_close(client);
}

static void slow_ones_are_told(void **state)
{
    (void)state;
    struct http_server_options options = {
        .header_timeout_ms = 300, .body_timeout_ms = 300, .on_refused = on_refused};
    struct fixture fixture;
    fixture_start(&fixture, &options);
    told.count = 0;
    struct client *client = client_open(fixture.port);
    client_says(client,
                "POST /slow HTTP/1.1\r\n" H "User-Agent: tester\r\nContent-Length: 9\r\n\r\nx");
    expect_status(client, "body", 408);
    expect_told(1, "body", 408, "POST", "/slow", true);
    assert_string_equal(told.agent, "tester");
    client_close(client);
    client = client_open(fixture.port);
    client_says(client, "GET /slower HTTP/1.1\r\n" H "A: b");
    expect_status(client, "headers", 408);
    expect_told(2, "headers", 408, "GET", "/slower", false);
    client_close(client);
    fixture_stop(&fixture, 1000);
}

static void too_many_are_told(void **state)
{
    (void)state;
    struct http_server_options options = {.requests_max = 1, .on_refused = on_refused};
    struct fixture fixture;
    fixture_start(&fixture, &options);
    told.count = 0;
    struct client *first = client_open(fixture.port), *second = client_open(fixture.port);
    assert_true(client_asks(first, "GET", "/wait"));
    assert_true(fixture_reaches(&fixture.waiting, 1));
    assert_true(client_asks(second, "DELETE", "/more"));
    expect_status(second, "many", 429);
    expect_told(1, "many", 429, "DELETE", "/more", true);
    assert_string_equal(told.reason, "TooManyRequests");
    fixture_open_gate(&fixture);
    expect_status(first, "first", 200);
    client_close(first);
    client_close(second);
    fixture_stop(&fixture, 1000);
}

static int begin(void **state)
{
    static struct fixture fixture;
    const struct http_server_options options = {.on_refused = on_refused};
    fixture_start(&fixture, &options);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    fixture_stop(*state, 1000);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_told_with_what_is_known, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_told_in_part, begin, end),
        cmocka_unit_test(slow_ones_are_told),
        cmocka_unit_test(too_many_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
