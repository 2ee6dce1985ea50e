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

static void expect_body(struct client *client, const char *body)
{
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body.len ? reply.body.data : "", body);
    reply_release(&reply);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    assert_true(client_says(client,
                            "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\n"
                            "Content-Length: 2\r\n\r\nabGET /3 HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect_body(client, "GET /1 0 ");
    expect_body(client, "POST /2 2 ab");
    expect_body(client, "GET /3 0 ");
    client_close(client);
}

static void a_hundred_pipelined_requests(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    for (int i = 0; i < 100; i++) {
        AUTO_FREE char *path = mem_printf("/%d", i);
        assert_true(client_asks(client, "GET", path));
    }
    for (int i = 0; i < 100; i++) {
        AUTO_FREE char *body = mem_printf("GET /%d 0 ", i);
        expect_body(client, body);
    }
    client_close(client);
}

static void connections_are_reused(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    for (int i = 0; i < 50; i++) {
        assert_true(client_asks(client, i % 2 ? "DELETE" : "GET", "/x?y=%20"));
        expect_body(client, i % 2 ? "DELETE /x?y=%20 0 " : "GET /x?y=%20 0 ");
    }
    client_close(client);
}

static void chunked_bodies(void **state)
{
    struct fixture *fixture = *state;
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", "GET"};
    struct client *client = client_open(fixture->port);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(methods); i++) {
        AUTO_FREE char *text =
            mem_printf("%s /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n",
                       methods[i]);
        AUTO_FREE char *body = mem_printf("%s /c 6 hello!", methods[i]);
        assert_true(client_says(client, text));
        expect_body(client, body);
    }
    client_close(client);
}

static void byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "PUT /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\n\r\n";
    struct client *client = client_open(fixture->port);
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        assert_true(client_send(client, text + i, 1));
        clock_sleep_ms(1);
    }
    expect_body(client, "PUT /slow 3 abc");
    client_close(client);
}

static void a_half_closed_client_gets_its_answer(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    assert_true(client_asks(client, "GET", "/wait"));
    client_half_close(client);
    assert_true(fixture_reaches(&fixture->waiting, 1));
    clock_sleep_ms(50);
    fixture_open_gate(fixture);
    expect_body(client, "GET /wait 0 ");
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    client_close(client);
}

static void head_has_the_length_and_no_body(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    char value[32];
    assert_true(client_asks(client, "HEAD", "/big?n=100000"));
    struct reply reply = client_reply(client, true);
    assert_int_equal(reply.status, 200);
    assert_true(reply_header(&reply, "Content-Length", value, sizeof(value)));
    assert_string_equal(value, "100000");
    reply_release(&reply);
    assert_true(client_asks(client, "GET", "/after"));
    expect_body(client, "GET /after 0 ");
    client_close(client);
}

static void expect_100_continue(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    assert_true(client_says(client, "PUT /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                    "Content-Length: 3\r\n\r\n"));
    assert_true(client_sees(client, "HTTP/1.1 100 Continue\r\n\r\n", CLIENT_TIMEOUT_MS));
    assert_true(client_says(client, "abc"));
    expect_body(client, "PUT /e 3 abc");
    /* Not when the body is there anyway. */
    assert_true(client_says(client, "PUT /f HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                    "Content-Length: 3\r\n\r\nabc"));
    expect_body(client, "PUT /f 3 abc");
    client_close(client);
}

static void large_answers(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    static const size_t sizes[] = {0, 1, 32768, 32769, 65536, 1000000, 30000000};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(sizes); i++) {
        AUTO_FREE char *path = mem_printf("/big?n=%zu", sizes[i]);
        assert_true(client_asks(client, "GET", path));
        struct reply reply = client_reply(client, false);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.body.len, sizes[i]);
        for (size_t at = 0; at < reply.body.len; at += 997)
            assert_int_equal(reply.body.data[at], 'a' + at % 26);
        reply_release(&reply);
    }
    client_close(client);
}

static void large_bodies(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    size_t len = (size_t)3 << 20;
    AUTO_FREE char *body = mem_zalloc(len);
    for (int i = 0; i < 3; i++) {
        AUTO_FREE char *head =
            mem_printf("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", len);
        assert_true(client_says(client, head));
        assert_true(client_send(client, body, len));
        struct reply reply = client_reply(client, false);
        assert_int_equal(reply.status, 200);
        assert_memory_equal(reply.body.data, "POST /b 3145728 ", 16);
        reply_release(&reply);
    }
    client_close(client);
}

static void http_1_0_closes(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    assert_true(client_says(client, "GET /old HTTP/1.0\r\n\r\n"));
    expect_body(client, "GET /old 0 ");
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    client_close(client);
    client = client_open(fixture->port);
    assert_true(client_says(client, "GET /events HTTP/1.0\r\n\r\n"));
    assert_true(
        client_sees(client, "\r\n\r\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n", CLIENT_TIMEOUT_MS));
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    client_close(client);
}

static void connection_close(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    char value[32];
    assert_true(client_says(client, "GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    struct reply reply = client_reply(client, false);
    assert_true(reply_header(&reply, "Connection", value, sizeof(value)));
    assert_string_equal(value, "close");
    reply_release(&reply);
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    client_close(client);
}

static void a_client_that_leaves_during_its_request(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        struct client *client = client_open(fixture->port);
        assert_true(client_asks(client, "GET", "/wait"));
        assert_true(fixture_reaches(&fixture->waiting, i + 1));
        client_close(client);
    }
    fixture_open_gate(fixture);
    assert_true(fixture_reaches(&fixture->waiting, 0));
    assert_true(fixture_connections_reach(fixture, 0));
    assert_int_equal(http_server_counts(fixture->server).requests_in_flight, 0);
}

/* Lines of /proc/net/tcp: the local address is hexadecimal, "0100007F:PORT", and state 0A listens.
 */
static void listens_on_loopback_only(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"/proc/net/tcp", "/proc/net/tcp6"};
    int found = 0;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(files); i++) {
        char line[512], address[64];
        unsigned port = 0, listens = 0;
        FILE *file = fopen(files[i], "r");
        while (file && fgets(line, sizeof(line), file)) {
            if (sscanf(line, " %*d: %63[0-9A-F]:%x %*s %x", address, &port, &listens) == 3 &&
                listens == 0x0a && (int)port == fixture->port) {
                assert_string_equal(address, "0100007F");
                found++;
            }
        }
        if (file)
            fclose(file);
    }
    assert_int_equal(found, 1);
}

static void refuses_other_addresses(void **state)
{
    (void)state;
    static const char *const addresses[] = {"0.0.0.0", "10.0.0.1",    "::", "::2",
                                            "*",       "example.org", ""};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(addresses); i++) {
        struct http_server_options options = {.address = addresses[i]};
        struct err err = {0};
        assert_null(http_server_start(&options, &err));
        assert_non_null(strstr(err.message, "loopback"));
    }
}

static void a_taken_port_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct http_server_options options = {.port = fixture->port};
    struct err err = {0};
    assert_null(http_server_start(&options, &err));
    assert_non_null(strstr(err.message, "127.0.0.1"));
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
        TEST(pipelined_requests_are_answered_in_order),
        TEST(a_hundred_pipelined_requests),
        TEST(connections_are_reused),
        TEST(chunked_bodies),
        TEST(byte_by_byte),
        TEST(a_half_closed_client_gets_its_answer),
        TEST(head_has_the_length_and_no_body),
        TEST(expect_100_continue),
        TEST(large_answers),
        TEST(large_bodies),
        TEST(http_1_0_closes),
        TEST(connection_close),
        TEST(a_client_that_leaves_during_its_request),
        TEST(listens_on_loopback_only),
        TEST(refuses_other_addresses),
        TEST(a_taken_port_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
