/* Whatever a client does wrong, it gets a Status, and then the end of the connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "client.h"
#include "fixture.h"

static void expect_status(struct client *client, const char *what, int status)
{
    struct reply reply = client_reply(client, false);
    AUTO_FREE char *code = mem_printf("\"code\":%d}", status);
    if (reply.status != status ||
        !strstr(reply.body.data, "{\"kind\":\"Status\",\"apiVersion\":\"v1\"") ||
        !strstr(reply.body.data, code) || !strstr(reply.body.data, "\"status\":\"Failure\""))
        fail_msg("%s: %d instead of %d, %s", what, reply.status, status,
                 reply.body.len ? reply.body.data : "");
    reply_release(&reply);
}

static void expect_refusal(struct client *client, const char *what, int status)
{
    expect_status(client, what, status);
    if (!client_ended(client, CLIENT_TIMEOUT_MS))
        fail_msg("%s: not closed", what);
}

#define H "Host: x\r\n"

static const struct {
    const char *name, *bytes;
    int status;
} zoo[] = {
    {"length and chunks",
     "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", 400},
    {"two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
     400},
    {"bad length", "POST / HTTP/1.1\r\n" H "Content-Length: 4abc\r\n\r\nhello", 400},
    {"bad chunk", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello", 400},
    {"gzip", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\nhello", 501},
    {"fold", "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400},
    {"bare LF", "GET / HTTP/1.1\n" H "\n", 400},
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"unknown method", "FOO / HTTP/1.1\r\n" H "\r\n", 501},
    {"trace", "TRACE / HTTP/1.1\r\n" H "\r\n", 405},
    {"http/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501},
    {"two authorizations",
     "GET / HTTP/1.1\r\n" H "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
    {"tls", "\x16\x03\x01\x02\x01\x01\xfc\x03\x03", 400},
    {"garbage", "\x01\x02\x03\x04garbage\r\n\r\n", 400},
    {"ws version",
     "GET / HTTP/1.1\r\n" H
     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     426},
    {"ws key",
     "GET / HTTP/1.1\r\n" H
     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: short\r\n\r\n",
     400},
    {"ws connection",
     "GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     400},
};

static void the_zoo_gets_answers(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(zoo); i++) {
        /* Alone, with rubbish behind it, and behind a good request. */
        for (int variant = 0; variant < 3; variant++) {
            struct client *client = client_open(fixture->port);
            if (variant == 2)
                assert_true(client_asks(client, "GET", "/good"));
            assert_true(client_says(client, zoo[i].bytes));
            if (variant == 1) {
                AUTO_FREE char *rubbish = mem_zalloc(100000);
                client_send(client, rubbish, 100000);
            }
            if (variant == 2) {
                struct reply reply = client_reply(client, false);
                assert_int_equal(reply.status, 200);
                reply_release(&reply);
            }
            expect_refusal(client, zoo[i].name, zoo[i].status);
            client_close(client);
        }
    }
    assert_int_equal(http_server_counts(fixture->server).refused, MOT_ARRAY_SIZE(zoo) * 3);
}

static void oversized_target_and_headers(void **state)
{
    struct fixture *fixture = *state;
    AUTO_FREE char *filler = mem_zalloc(100001);
    memset(filler, 'a', 100000);
    struct client *client = client_open(fixture->port);
    client_says(client, "GET /");
    client_says(client, filler);
    expect_refusal(client, "target", 414);
    client_close(client);
    client = client_open(fixture->port);
    client_says(client, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
    client_says(client, filler);
    expect_refusal(client, "header", 431);
    client_close(client);
    /* Nearly as large as allowed is fine. */
    client = client_open(fixture->port);
    filler[60000] = '\0';
    client_says(client, "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ");
    client_says(client, filler);
    client_says(client, "\r\n\r\n");
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    client_close(client);
}

/* The client pushes all of its body before it reads: without a lingering close it would see a
 * reset. */
static void oversized_bodies(void **state)
{
    struct fixture *fixture = *state;
    size_t len = (size_t)8 << 20;
    AUTO_FREE char *body = mem_zalloc(len);
    struct client *client = client_open(fixture->port);
    client_says(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n");
    client_send(client, body, len);
    expect_refusal(client, "length", 413);
    client_close(client);
    client = client_open(fixture->port);
    client_says(client, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < len; at += 0x10000) {
        client_says(client, "10000\r\n");
        client_send(client, body, 0x10000);
        client_says(client, "\r\n");
    }
    expect_refusal(client, "chunks", 413);
    client_close(client);
    /* With "Expect" the body need not be sent at all. */
    client = client_open(fixture->port);
    client_says(
        client,
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 8388608\r\n\r\n");
    expect_refusal(client, "expect", 413);
    client_close(client);
}

static void slow_headers_and_bodies(void **state)
{
    (void)state;
    struct http_server_options options = {
        .header_timeout_ms = 300, .body_timeout_ms = 300, .idle_timeout_ms = 300};
    struct fixture fixture;
    fixture_start(&fixture, &options);
    struct client *client = client_open(fixture.port);
    int64_t start = clock_ms();
    /* A byte now and then does not extend the deadline. */
    client_says(client, "GET / HTTP/1.1\r\nA: ");
    for (int i = 0; i < 100 && clock_ms() - start < 600; i++) {
        client_says(client, "b");
        clock_sleep_ms(20);
    }
    expect_refusal(client, "headers", 408);
    client_close(client);

    client = client_open(fixture.port);
    start = clock_ms();
    client_says(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 100 && clock_ms() - start < 600; i++) {
        client_says(client, "b");
        clock_sleep_ms(20);
    }
    expect_refusal(client, "body", 408);
    client_close(client);

    client = client_open(fixture.port); /* says nothing at all */
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    client_close(client);
    assert_true(fixture_connections_reach(&fixture, 0));
    fixture_stop(&fixture, 1000);
}

static void busy_handlers_mean_429(void **state)
{
    (void)state;
    struct http_server_options options = {.workers = 2, .requests_max = 4};
    struct fixture fixture;
    struct client *clients[4];
    fixture_start(&fixture, &options);
    for (int i = 0; i < 4; i++) {
        clients[i] = client_open(fixture.port);
        client_asks(clients[i], "GET", "/wait");
    }
    assert_true(fixture_reaches(&fixture.waiting, 2));
    for (int i = 0; i < 5000 && http_server_counts(fixture.server).requests_in_flight < 4; i++)
        clock_sleep_ms(2);
    struct client *client = client_open(fixture.port);
    for (int i = 0; i < 2; i++) { /* the connection stays usable */
        char value[16];
        client_says(client, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na");
        struct reply reply = client_reply(client, false);
        assert_int_equal(reply.status, 429);
        assert_true(reply_header(&reply, "Retry-After", value, sizeof(value)));
        assert_string_equal(value, "1");
        assert_non_null(strstr(reply.body.data, "\"reason\":\"TooManyRequests\""));
        reply_release(&reply);
    }
    fixture_open_gate(&fixture);
    for (int i = 0; i < 4; i++) {
        struct reply reply = client_reply(clients[i], false);
        assert_int_equal(reply.status, 200);
        reply_release(&reply);
        client_close(clients[i]);
    }
    client_asks(client, "GET", "/again");
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    client_close(client);
    fixture_stop(&fixture, 1000);
}

static void too_many_connections_mean_503(void **state)
{
    (void)state;
    struct http_server_options options = {.connections_max = 10};
    struct fixture fixture;
    struct client *clients[10];
    fixture_start(&fixture, &options);
    for (int i = 0; i < 10; i++) {
        clients[i] = client_open(fixture.port);
        client_asks(clients[i], "GET", "/x");
        struct reply reply = client_reply(clients[i], false);
        assert_int_equal(reply.status, 200);
        reply_release(&reply);
    }
    struct client *client = client_open(fixture.port);
    client_asks(client, "GET", "/x");
    expect_refusal(client, "connections", 503);
    client_close(client);
    for (int i = 0; i < 10; i++)
        client_close(clients[i]);
    assert_true(fixture_connections_reach(&fixture, 0));
    client = client_open(fixture.port);
    client_asks(client, "GET", "/x");
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    client_close(client);
    fixture_stop(&fixture, 1000);
}

/* A peer that asks for much, reads nothing and keeps talking: neither memory nor CPU, and in the
 * end it is cut. */
static void a_peer_that_does_not_read(void **state)
{
    (void)state;
    struct http_server_options options = {.write_timeout_ms = 1500};
    struct fixture fixture;
    fixture_start(&fixture, &options);
    struct client *client = client_open_small(fixture.port);
    client_asks(client, "GET", "/big?n=20000000");
    clock_sleep_ms(300);
    client_asks(client, "GET", "/next");
    int64_t before = cpu_us();
    clock_sleep_ms(700);
    assert_true(cpu_us() - before < 200000);
    assert_int_equal(http_server_counts(fixture.server).connections, 1);
    assert_true(fixture_connections_reach(&fixture, 0));
    client_close(client);
    fixture_stop(&fixture, 1000);
}

static int start(void **state)
{
    static struct fixture fixture;
    fixture_start(&fixture, NULL);
    *state = &fixture;
    return 0;
}

static int stop(void **state)
{
    fixture_stop(*state, 1000);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_zoo_gets_answers),
        TEST(oversized_target_and_headers),
        TEST(oversized_bodies),
        cmocka_unit_test(slow_headers_and_bodies),
        cmocka_unit_test(busy_handlers_mean_429),
        cmocka_unit_test(too_many_connections_mean_503),
        cmocka_unit_test(a_peer_that_does_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
