#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "client.h"
#include "fixture.h"

#define MANY 1000

static struct client *watch(struct fixture *fixture)
{
    struct client *client = client_open(fixture->port);
    assert_true(client_asks(client, "GET", "/watch"));
    return client;
}

/* The headers, which come before any event. */
static void expect_begin(struct client *client)
{
    assert_true(client_sees(client,
                            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Stream: yes\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n",
                            CLIENT_TIMEOUT_MS));
}

static void events_then_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    for (int i = 0; i < 3; i++) {
        client_asks(client, "GET", "/events");
        struct reply reply = client_reply(client, false);
        assert_int_equal(reply.status, 200);
        assert_true(reply.chunked);
        assert_string_equal(reply.body.data, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
        reply_release(&reply);
    }
    /* HEAD of a stream is its head only. */
    client_asks(client, "HEAD", "/events");
    struct reply reply = client_reply(client, true);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    client_asks(client, "GET", "/after");
    reply = client_reply(client, false);
    assert_string_equal(reply.body.data, "GET /after 0 ");
    reply_release(&reply);
    assert_int_equal(atomic_load(&fixture->closed), 4);
    client_close(client);
}

static void headers_come_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = watch(fixture);
    expect_begin(client);
    assert_int_equal(fixture_send(fixture, "one\n", 4), 1);
    assert_true(client_sees(client, "4\r\none\n\r\n", CLIENT_TIMEOUT_MS));
    fixture_end(fixture, false);
    assert_true(client_sees(client, "0\r\n\r\n", CLIENT_TIMEOUT_MS));
    assert_true(fixture_reaches(&fixture->closed, 1));
    client_close(client);
}

static void an_aborted_stream_has_no_end(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = watch(fixture);
    expect_begin(client);
    fixture_end(fixture, true);
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    assert_true(fixture_reaches(&fixture->closed, 1));
    client_close(client);
}

static void a_request_behind_a_stream_waits(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = watch(fixture);
    expect_begin(client);
    client_asks(client, "GET", "/behind");
    clock_sleep_ms(50);
    fixture_end(fixture, false);
    assert_true(client_sees(client, "0\r\n\r\n", CLIENT_TIMEOUT_MS));
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body.data, "GET /behind 0 ");
    reply_release(&reply);
    client_close(client);
}

static void endless_talk_during_a_stream_is_cut(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = watch(fixture);
    expect_begin(client);
    AUTO_FREE char *talk = mem_zalloc(1 << 20);
    for (int i = 0; i < 10 && client_send(client, talk, 1 << 20); i++)
        continue;
    assert_true(fixture_reaches(&fixture->closed, 1));
    client_close(client);
}

static void a_peer_that_leaves_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct client *clients[20];
    for (int i = 0; i < 20; i++) {
        clients[i] = watch(fixture);
        expect_begin(clients[i]);
    }
    assert_int_equal(http_server_counts(fixture->server).streams, 20);
    int64_t start_ms = clock_ms();
    for (int i = 0; i < 20; i++) {
        if (i % 2) { /* a reset instead of an end */
            struct linger now = {.l_onoff = 1, .l_linger = 0};
            setsockopt(clients[i]->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        }
        client_close(clients[i]);
    }
    assert_true(fixture_reaches(&fixture->closed, 20));
    assert_true(clock_ms() - start_ms < 2000);
    assert_true(fixture_connections_reach(fixture, 0));
    assert_int_equal(http_server_counts(fixture->server).streams, 0);
}

static void a_thousand_streams(void **state)
{
    struct fixture *fixture = *state;
    size_t descriptors = open_descriptors();
    struct client *clients[MANY];
    char event[300];
    memset(event, 'x', sizeof(event));
    event[sizeof(event) - 1] = '\n';
    for (int i = 0; i < MANY; i++)
        clients[i] = watch(fixture);
    assert_true(fixture_reaches(&fixture->begun, MANY));
    for (int i = 0; i < MANY; i++)
        expect_begin(clients[i]);

    /* Idle streams cost nothing. */
    int64_t before = cpu_us();
    clock_sleep_ms(1000);
    int64_t idle = cpu_us() - before;
    printf("1000 idle streams for 1 s: %d us of CPU\n", (int)idle);
    assert_true(idle < 50000);

    for (int i = 0; i < 20; i++)
        assert_int_equal(fixture_send(fixture, event, sizeof(event)), MANY);
    fixture_end(fixture, false);
    for (int i = 0; i < MANY; i++) {
        for (int event_number = 0; event_number < 20; event_number++)
            assert_true(client_sees(clients[i], "12c\r\nxxxx", CLIENT_TIMEOUT_MS));
        assert_true(client_sees(clients[i], "\r\n0\r\n\r\n", CLIENT_TIMEOUT_MS));
        client_close(clients[i]);
    }
    assert_true(fixture_reaches(&fixture->closed, MANY));
    assert_true(fixture_connections_reach(fixture, 0));
    assert_int_equal(open_descriptors(), descriptors);
}

static void every_event_arrives_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = watch(fixture);
    expect_begin(client);
    struct buf wanted, got;
    buf_init(&wanted, BUF_MAX_DEFAULT);
    buf_init(&got, BUF_MAX_DEFAULT);
    for (int i = 0; i < 5000; i++) {
        AUTO_FREE char *text = mem_printf("{\"event\":%d}\n", i);
        buf_adds(&wanted, text);
        assert_int_equal(fixture_send(fixture, text, strlen(text)), 1);
    }
    fixture_end(fixture, false);
    while (!client->in.len || !memmem(client->in.data, client->in.len, "\r\n0\r\n\r\n", 7))
        assert_true(client_more(client, CLIENT_TIMEOUT_MS));
    for (char *at = client->in.data;;) {
        size_t size = strtoul(at, &at, 16);
        if (size == 0)
            break;
        buf_add(&got, at + 2, size);
        at += 2 + size + 2;
    }
    assert_int_equal(got.len, wanted.len);
    assert_memory_equal(got.data, wanted.data, got.len);
    buf_release(&wanted);
    buf_release(&got);
    client_close(client);
}

/* One reads nothing: its queue fills, the others get everything, memory stays bounded, and time
 * cuts it. */
static void a_slow_reader_hurts_nobody(void **state)
{
    (void)state;
    struct http_server_options options = {.stream_queue_max = 256 * 1024, .write_timeout_ms = 2000};
    struct fixture fixture;
    fixture_start(&fixture, &options);
    struct client *slow = client_open_small(fixture.port);
    client_asks(slow, "GET", "/watch");
    assert_true(fixture_reaches(&fixture.begun, 1));
    struct client *good = watch(&fixture);
    expect_begin(good);

    size_t len = 64 * 1024, resident = resident_bytes();
    AUTO_FREE char *event = mem_alloc(len);
    memset(event, 'e', len);
    bool refused = false;
    for (int i = 0; i < 400; i++) { /* 25 MiB */
        refused = fixture_send(&fixture, event, len) < 2 || refused;
        assert_true(client_sees(good, "10000\r\n", CLIENT_TIMEOUT_MS));
        while (good->in.len < len + 2)
            assert_true(client_more(good, CLIENT_TIMEOUT_MS));
        buf_consume(&good->in, len + 2);
    }
    assert_true(refused);
    assert_false(fixture.watchers[1]->overflowed);
    assert_true(resident_bytes() <= resident + ((size_t)16 << 20));
    assert_true(fixture_reaches(&fixture.closed, 1)); /* the write timeout */
    client_close(slow);
    client_close(good);
    fixture_stop(&fixture, 1000);
}

static void writable_comes_after_a_refusal(void **state)
{
    (void)state;
    struct http_server_options options = {.stream_queue_max = 100 * 1024};
    struct fixture fixture;
    fixture_start(&fixture, &options);
    struct client *client = client_open_small(fixture.port);
    client_asks(client, "GET", "/watch");
    expect_begin(client);
    AUTO_FREE char *event = mem_zalloc(50000);
    for (int i = 0; i < 2000 && fixture_send(&fixture, event, 50000) == 1; i++)
        continue;
    assert_int_equal(atomic_load(&fixture.writable), 0);
    /* Talk of a blocked peer is not read, and makes nothing spin. */
    client_says(client, "GET /x HTTP/1.1\r\n");
    int64_t before = cpu_us();
    clock_sleep_ms(300);
    assert_true(cpu_us() - before < 100000);
    while (atomic_load(&fixture.writable) == 0) {
        assert_true(client_more(client, CLIENT_TIMEOUT_MS));
        buf_clear(&client->in);
    }
    assert_int_equal(fixture_send(&fixture, "last", 4), 1);
    assert_true(client_sees(client, "4\r\nlast\r\n", CLIENT_TIMEOUT_MS));
    assert_int_equal(atomic_load(&fixture.writable), 1);
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
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
    setrlimit(RLIMIT_NOFILE, &limit);
    const struct CMUnitTest tests[] = {
        TEST(events_then_the_end),
        TEST(headers_come_at_once),
        TEST(an_aborted_stream_has_no_end),
        TEST(a_request_behind_a_stream_waits),
        TEST(endless_talk_during_a_stream_is_cut),
        TEST(a_peer_that_leaves_is_noticed),
        TEST(a_thousand_streams),
        TEST(every_event_arrives_in_order),
        cmocka_unit_test(a_slow_reader_hurts_nobody),
        cmocka_unit_test(writable_comes_after_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
