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

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, FINAL = 0x80 };

struct frame {
    int opcode; /* with FINAL; -1 when none came */
    struct buf payload;
};

static void handshake(struct client *client, const char *path, const char *more)
{
    AUTO_FREE char *text =
        mem_printf("GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Extensions: permessage-deflate\r\n%s\r\n",
                   path, more);
    assert_true(client_says(client, text));
}

static struct client *open_websocket(struct fixture *fixture)
{
    struct client *client = client_open(fixture->port);
    handshake(client, "/watch", "Origin: http://x\r\n");
    struct reply reply = client_reply(client, true);
    assert_int_equal(reply.status, 101);
    reply_release(&reply);
    return client;
}

static bool need(struct client *client, size_t len)
{
    while (client->in.len < len) {
        if (!client_more(client, CLIENT_TIMEOUT_MS))
            return false;
    }
    return true;
}

static struct frame next_frame(struct client *client)
{
    struct frame frame = {.opcode = -1};
    buf_init(&frame.payload, BUF_MAX_DEFAULT);
    if (!need(client, 2))
        return frame;
    const unsigned char *head = (const unsigned char *)client->in.data;
    assert_false(head[1] & 0x80); /* servers don't mask */
    size_t len = head[1], bytes = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (!need(client, 2 + bytes))
        return frame;
    head = (const unsigned char *)client->in.data;
    if (bytes > 0)
        len = 0;
    for (size_t i = 0; i < bytes; i++)
        len = len << 8 | head[2 + i];
    if (!need(client, 2 + bytes + len))
        return frame;
    frame.opcode = (unsigned char)client->in.data[0];
    buf_add(&frame.payload, client->in.data + 2 + bytes, len);
    buf_consume(&client->in, 2 + bytes + len);
    return frame;
}

static void expect_frame(struct client *client, int opcode, const char *payload, size_t len)
{
    struct frame frame = next_frame(client);
    assert_int_equal(frame.opcode, opcode);
    assert_int_equal(frame.payload.len, len);
    if (len > 0)
        assert_memory_equal(frame.payload.data, payload, len);
    buf_release(&frame.payload);
}

static bool send_frame(struct client *client, int opcode, const char *payload, size_t len)
{
    static const unsigned char mask[4] = {1, 2, 3, 4};
    struct buf out;
    buf_init(&out, BUF_MAX_DEFAULT);
    buf_addc(&out, (char)opcode);
    if (len < 126) {
        buf_addc(&out, (char)(0x80 | len));
    } else {
        size_t bytes = len < 65536 ? 2 : 8;
        buf_addc(&out, (char)(0x80 | (bytes == 2 ? 126 : 127)));
        for (size_t i = bytes; i-- > 0;)
            buf_addc(&out, (char)(len >> (8 * i)));
    }
    buf_add(&out, mask, 4);
    for (size_t i = 0; i < len; i++)
        buf_addc(&out, (char)((unsigned char)payload[i] ^ mask[i % 4]));
    bool sent = client_send(client, out.data, out.len);
    buf_release(&out);
    return sent;
}

static void events_and_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    char value[64];
    handshake(client, "/events?watch=1", "Sec-WebSocket-Protocol: base64.binary.k8s.io\r\n");
    struct reply reply = client_reply(client, true);
    assert_int_equal(reply.status, 101);
    assert_true(reply_header(&reply, "Sec-WebSocket-Accept", value, sizeof(value)));
    assert_string_equal(value, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_true(reply_header(&reply, "Sec-WebSocket-Protocol", value, sizeof(value)));
    assert_string_equal(value, "base64.binary.k8s.io");
    assert_true(reply_header(&reply, "X-Stream", value, sizeof(value)));
    assert_false(reply_header(&reply, "Sec-WebSocket-Extensions", value, sizeof(value)));
    reply_release(&reply);
    expect_frame(client, FINAL | TEXT, "{\"n\":1}\n", 8);
    expect_frame(client, FINAL | TEXT, "{\"n\":2}\n", 8);
    expect_frame(client, FINAL | TEXT, "{\"n\":3}\n", 8);
    expect_frame(client, FINAL | CLOSE, "\x03\xe8", 2);
    assert_true(send_frame(client, FINAL | CLOSE, "\x03\xe8", 2));
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    assert_true(fixture_connections_reach(fixture, 0));
    client_close(client);
}

static void a_refusal_is_an_answer(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = client_open(fixture->port);
    handshake(client, "/denied", "");
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 403);
    assert_memory_equal(reply.head.data, "HTTP/1.1 403 Forbidden\r\n", 24);
    assert_string_equal(reply.body.data, "{\"kind\":\"Status\",\"code\":403}");
    reply_release(&reply);
    /* It was an ordinary answer, so the connection goes on. */
    handshake(client, "/watch", "");
    reply = client_reply(client, true);
    assert_int_equal(reply.status, 101);
    reply_release(&reply);
    client_close(client);
}

static void pings_are_answered(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = open_websocket(fixture);
    assert_true(send_frame(client, FINAL | PING, "are you there", 13));
    expect_frame(client, FINAL | PONG, "are you there", 13);
    assert_int_equal(fixture_send(fixture, "event", 5), 1);
    expect_frame(client, FINAL | TEXT, "event", 5);
    client_close(client);
    assert_true(fixture_reaches(&fixture->closed, 1));
}

static void the_peer_closes(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = open_websocket(fixture);
    assert_true(send_frame(client, FINAL | CLOSE, "\x03\xe8 bye", 6));
    struct frame frame = next_frame(client);
    assert_int_equal(frame.opcode, FINAL | CLOSE);
    buf_release(&frame.payload);
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    assert_true(fixture_reaches(&fixture->closed, 1));
    client_close(client);
}

static void what_clients_send_is_ignored(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = open_websocket(fixture);
    AUTO_FREE char *filler = mem_zalloc(60000);
    assert_true(send_frame(client, FINAL | TEXT, "hello", 5));
    assert_true(send_frame(client, FINAL | BINARY, filler, 60000));
    for (int i = 0; i < 50; i++) { /* fragments, with a ping between them */
        assert_true(send_frame(client, i == 0 ? TEXT : CONTINUATION, "part", 4));
        if (i == 25)
            assert_true(send_frame(client, FINAL | PING, "x", 1));
    }
    assert_true(send_frame(client, FINAL | CONTINUATION, "end", 3));
    expect_frame(client, FINAL | PONG, "x", 1);
    assert_int_equal(fixture_send(fixture, "event", 5), 1);
    expect_frame(client, FINAL | TEXT, "event", 5);
    client_close(client);
}

static void oversized_messages_close(void **state)
{
    struct fixture *fixture = *state;
    AUTO_FREE char *filler = mem_zalloc(1 << 20);
    for (int variant = 0; variant < 2; variant++) {
        struct client *client = open_websocket(fixture);
        if (variant == 0)
            send_frame(client, FINAL | TEXT, filler, 1 << 20);
        for (int i = 0; variant == 1 && i < 200; i++) {
            if (!send_frame(client, i == 0 ? TEXT : CONTINUATION, filler, 1000))
                break;
        }
        expect_frame(client, FINAL | CLOSE, "\x03\xf1", 2); /* 1009 */
        client_close(client);
        assert_true(fixture_reaches(&fixture->closed, variant + 1));
    }
    assert_true(fixture_connections_reach(fixture, 0));
}

static void rubbish_closes(void **state)
{
    struct fixture *fixture = *state;
    static const char *const rubbish[] = {"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                                          "\x83\x80\1\2\3\4", "\x09\x80\1\2\3\4",
                                          "GET / HTTP/1.1\r\n\r\n"};
    struct client *clients[MOT_ARRAY_SIZE(rubbish)];
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rubbish); i++) {
        clients[i] = open_websocket(fixture);
        assert_true(client_says(clients[i], rubbish[i]));
    }
    /* libwebsockets sends a close frame and waits some seconds for the answer. */
    assert_true(fixture_reaches(&fixture->closed, MOT_ARRAY_SIZE(rubbish)));
    assert_true(fixture_connections_reach(fixture, 0));
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rubbish); i++)
        client_close(clients[i]);
}

static void nothing_follows_a_close(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = open_websocket(fixture);
    assert_true(client_says(client, "\xc1\x81\1\2\3\4x"));
    expect_frame(client, FINAL | CLOSE, "\x03\xearsv bits", 10);
    fixture_send(fixture, "late", 4);
    assert_false(client_more(client, 200));
    assert_true(send_frame(client, FINAL | CLOSE, "\x03\xea", 2));
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    client_close(client);
    assert_true(fixture_connections_reach(fixture, 0));
}

static void large_messages_stay_whole(void **state)
{
    struct fixture *fixture = *state;
    struct client *client = open_websocket(fixture);
    static const size_t sizes[] = {1, 125, 126, 65535, 65536, 900000};
    AUTO_FREE char *payload = mem_alloc(900000);
    for (size_t i = 0; i < 900000; i++)
        payload[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(sizes); i++) {
        assert_int_equal(fixture_send(fixture, payload, sizes[i]), 1);
        expect_frame(client, FINAL | TEXT, payload, sizes[i]);
    }
    for (int i = 0; i < 1000; i++) {
        AUTO_FREE char *text = mem_printf("event %d", i);
        assert_int_equal(fixture_send(fixture, text, strlen(text)), 1);
    }
    for (int i = 0; i < 1000; i++) {
        AUTO_FREE char *text = mem_printf("event %d", i);
        expect_frame(client, FINAL | TEXT, text, strlen(text));
    }
    client_close(client);
}

static void a_slow_reader_is_cut(void **state)
{
    (void)state;
    struct http_server_options options = {.stream_queue_max = 256 * 1024, .write_timeout_ms = 1000};
    struct fixture fixture;
    fixture_start(&fixture, &options);
    struct client *client = client_open_small(fixture.port);
    handshake(client, "/watch", "");
    assert_true(fixture_reaches(&fixture.begun, 1));
    AUTO_FREE char *event = mem_zalloc(64 * 1024);
    size_t sent = 0;
    for (int i = 0; i < 2000 && atomic_load(&fixture.closed) == 0; i++) {
        sent += fixture_send(&fixture, event, 64 * 1024);
        clock_sleep_ms(5);
    }
    assert_true(sent * 64 * 1024 < (size_t)24 << 20); /* what the kernel and our bounds hold */
    assert_true(fixture_reaches(&fixture.closed, 1));
    assert_true(fixture_connections_reach(&fixture, 0));
    client_close(client);
    fixture_stop(&fixture, 1000);
}

static void leavers_cost_nothing(void **state)
{
    struct fixture *fixture = *state;
    size_t descriptors = open_descriptors();
    struct client *clients[200];
    for (int i = 0; i < 200; i++)
        clients[i] = open_websocket(fixture);
    assert_int_equal(fixture_send(fixture, "all", 3), 200);
    for (int i = 0; i < 200; i++)
        expect_frame(clients[i], FINAL | TEXT, "all", 3);
    int64_t before = cpu_us();
    clock_sleep_ms(1000);
    assert_true(cpu_us() - before < 50000);
    for (int i = 0; i < 200; i++)
        client_close(clients[i]);
    assert_true(fixture_reaches(&fixture->closed, 200));
    assert_true(fixture_connections_reach(fixture, 0));
    for (int i = 0; i < 1000 && open_descriptors() != descriptors; i++)
        clock_sleep_ms(5);
    assert_int_equal(open_descriptors(), descriptors);
}

static void leavers_during_the_handshake(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 100; i++) {
        struct client *client = client_open(fixture->port);
        handshake(client, "/watch", "");
        client_close(client);
    }
    assert_true(fixture_connections_reach(fixture, 0));
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
        TEST(events_and_the_end),
        TEST(a_refusal_is_an_answer),
        TEST(pings_are_answered),
        TEST(the_peer_closes),
        TEST(what_clients_send_is_ignored),
        TEST(oversized_messages_close),
        TEST(rubbish_closes),
        TEST(nothing_follows_a_close),
        TEST(large_messages_stay_whole),
        cmocka_unit_test(a_slow_reader_is_cut),
        TEST(leavers_cost_nothing),
        TEST(leavers_during_the_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
