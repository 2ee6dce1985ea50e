/* Starting and stopping, idle and in the middle of everything: threads, descriptors and memory come
 * back. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "client.h"
#include "fixture.h"

static size_t count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    size_t count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void leaves_nothing_behind(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL); /* whatever the first one loads stays */
    fixture_stop(&fixture, 0);
    size_t descriptors = open_descriptors(), threads = count_threads();
    for (int i = 0; i < 20; i++) {
        fixture_start(&fixture, NULL);
        struct client *client = client_open(fixture.port);
        client_asks(client, "GET", "/x");
        struct reply reply = client_reply(client, false);
        assert_int_equal(reply.status, 200);
        reply_release(&reply);
        fixture_stop(&fixture, 1000);
        assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
        client_close(client);
    }
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(count_threads(), threads);
}

static void two_servers_at_once(void **state)
{
    (void)state;
    struct fixture one, two;
    fixture_start(&one, NULL);
    fixture_start(&two, NULL);
    assert_int_not_equal(one.port, two.port);
    struct client *client = client_open(two.port);
    fixture_stop(&one, 0);
    client_asks(client, "GET", "/x");
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    client_close(client);
    fixture_stop(&two, 0);
}

static void *open_gate_later(void *context)
{
    clock_sleep_ms(200);
    fixture_open_gate(context);
    return NULL;
}

static void handlers_may_finish(void **state)
{
    (void)state;
    struct fixture fixture;
    pthread_t thread;
    fixture_start(&fixture, NULL);
    struct client *client = client_open(fixture.port);
    struct client *stream = client_open(fixture.port);
    client_asks(client, "GET", "/wait");
    client_asks(stream, "GET", "/watch");
    assert_true(fixture_reaches(&fixture.waiting, 1));
    assert_true(fixture_reaches(&fixture.begun, 1));
    clock_sleep_ms(50);
    assert_int_equal(fixture_send(&fixture, "last words", 10), 1);
    pthread_create(&thread, NULL, open_gate_later, &fixture);
    http_server_stop(fixture.server, 5000);
    pthread_join(thread, NULL);
    struct reply reply = client_reply(client, false);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    assert_true(client_ended(client, CLIENT_TIMEOUT_MS));
    assert_true(client_sees(stream, "a\r\nlast words\r\n0\r\n\r\n", CLIENT_TIMEOUT_MS));
    assert_true(client_ended(stream, CLIENT_TIMEOUT_MS));
    client_close(client);
    client_close(stream);
    fixture.server = NULL;
    fixture_stop(&fixture, 0);
}

static void the_grace_has_an_end(void **state)
{
    (void)state;
    struct fixture fixture;
    struct http_server_options options = {.stream_queue_max = 1 << 20};
    pthread_t thread;
    fixture_start(&fixture, &options);
    struct client *slow = client_open_small(fixture.port); /* never reads what it asked for */
    client_asks(slow, "GET", "/big?n=50000000");
    struct client *half = client_open(fixture.port); /* never ends its request */
    client_says(half, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
    struct client *waits = client_open(fixture.port);
    client_asks(waits, "GET", "/wait");
    assert_true(fixture_reaches(&fixture.waiting, 1));
    assert_true(fixture_connections_reach(&fixture, 3));
    clock_sleep_ms(100);
    int64_t begin = clock_ms();
    pthread_create(&thread, NULL, open_gate_later, &fixture);
    fixture_stop(&fixture, 100);
    pthread_join(thread, NULL);
    printf("stopped after %d ms\n", (int)(clock_ms() - begin));
    assert_true(clock_ms() - begin < 3000);
    client_close(slow);
    client_close(half);
    client_close(waits);
}

/* Clients of all sorts, which know nothing of the stop. */
struct mob {
    struct fixture *fixture;
    atomic_bool stop;
    atomic_int *ready;
    int kind;
};

static void *be_a_nuisance(void *context)
{
    struct mob *mob = context;
    static const char *const texts[] = {
        "GET /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /watch HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /big?n=1000000 HTTP/1.1\r\nHost: x\r\n\r\n",
        "rubbish\r\n\r\n",
    };
    struct client *clients[20];
    for (int i = 0; i < 20; i++)
        clients[i] = client_open(mob->fixture->port);
    atomic_fetch_add(mob->ready, 1);
    for (int round = 0; !atomic_load(&mob->stop); round++) {
        struct client *client = clients[round % 20];
        client_says(client, texts[(mob->kind + round) % 5]);
        client_more(client, 1);
        buf_clear(&client->in);
    }
    for (int i = 0; i < 20; i++)
        client_close(clients[i]);
    return NULL;
}

static void *send_events(void *context)
{
    struct mob *mob = context;
    while (!atomic_load(&mob->stop)) {
        fixture_send(mob->fixture, "{\"type\":\"MODIFIED\"}\n", 20);
        clock_sleep_ms(1); /* lets others have the lock */
    }
    return NULL;
}

static void in_the_middle_of_everything(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct fixture fixture;
        struct mob mob[4];
        pthread_t threads[4];
        atomic_int ready = 0;
        fixture_start(&fixture, NULL);
        for (int i = 0; i < 4; i++) {
            mob[i].fixture = &fixture;
            mob[i].kind = i;
            mob[i].ready = &ready;
            atomic_init(&mob[i].stop, false);
            pthread_create(&threads[i], NULL, i == 3 ? send_events : be_a_nuisance, &mob[i]);
        }
        assert_true(fixture_reaches(&ready, 3));
        clock_sleep_ms(200);
        http_server_stop(fixture.server, round % 2 ? 300 : 0);
        for (int i = 0; i < 4; i++)
            atomic_store(&mob[i].stop, true);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        fixture.server = NULL;
        fixture_stop(&fixture, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_nothing_behind),       cmocka_unit_test(two_servers_at_once),
        cmocka_unit_test(handlers_may_finish),         cmocka_unit_test(the_grace_has_an_end),
        cmocka_unit_test(in_the_middle_of_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
