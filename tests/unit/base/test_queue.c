#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/queue.h>

/*
 * A script of single-threaded steps: "+k" add, "-k" get (k is expected, "-." nothing), "!k" done,
 * "@k30" add in 30 ms, "~30" sleep, "#2" the length.
 */
static void play(const char *script)
{
    struct keyqueue *queue = keyqueue_new();
    AUTO_FREE char *copy = mem_strdup(script);
    char *rest = copy;
    for (char *step; (step = strsep(&rest, " ")) != NULL;) {
        char key[2] = {step[1], '\0'};
        if (step[0] == '+')
            keyqueue_add(queue, key);
        if (step[0] == '!')
            keyqueue_done(queue, key);
        if (step[0] == '@')
            keyqueue_add_at(queue, key, clock_ms() + atoi(step + 2));
        if (step[0] == '~')
            clock_sleep_ms(atoi(step + 1));
        if (step[0] == '#')
            assert_int_equal(keyqueue_length(queue), atoi(step + 1));
        if (step[0] == '-') {
            AUTO_FREE char *got = keyqueue_get(queue, 0);
            assert_string_equal(got ? got : ".", key);
        }
    }
    keyqueue_free(queue);
}

static void follows_scripts(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "#0 -. +a +b +c #3 -a -b #1 -c -. !a !b !c -.",
        "+a +b +a #2 -a -b -.",                   /* once each, in order */
        "+a -a +a +a #0 -. !a #1 -a !a -.",       /* runs again after it is done, once */
        "+a -a !a +a -a !a -.",                   /* forgotten in between */
        "!x -.",                                  /* done without get */
        "+a -a +b +a -b !b !a -a !a -.",          /* others go on meanwhile */
        "@a300 #0 -. ~320 #1 -a !a -.",           /* delayed */
        "@a0 -a !a -.",                           /* due at once */
        "@a-5 -a !a -.",                          /* due before */
        "@a500 @a50 ~80 -a !a -.",                /* the earlier time wins … */
        "@a50 @a500 ~80 -a !a -.",                /* … whichever came first */
        "@c90 @a30 @b60 ~120 #3 -a -b -c -.",     /* in order of time */
        "@a300 +a -a !a -. ~320 -a !a -.",        /* the later one is kept */
        "+a -a @a30 -. ~60 -. #0 !a #1 -a !a -.", /* due while it runs */
        "+a @a30 ~60 #1 -a !a -.",                /* due while it waits */
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(scripts); i++)
        play(scripts[i]);
}

static void waits_for_the_time(void **state)
{
    (void)state;
    struct keyqueue *queue = keyqueue_new();
    int64_t start = clock_ms();
    assert_null(keyqueue_get(queue, 30));
    assert_in_range(clock_ms() - start, 30, 5000);
    int64_t due = clock_ms() + 40;
    keyqueue_add_at(queue, "later", due);
    AUTO_FREE char *key = keyqueue_get(queue, -1);
    assert_string_equal(key, "later");
    assert_true(clock_ms() >= due);
    keyqueue_free(queue);
    keyqueue_free(NULL);
}

static void takes_many_delays(void **state)
{
    (void)state;
    struct keyqueue *queue = keyqueue_new();
    int64_t now = clock_ms();
    char key[16];
    for (int i = 0; i < 1000; i++) {
        int number = (i * 7919) % 1000;
        snprintf(key, sizeof(key), "%d", number);
        keyqueue_add_at(queue, key, now - 2000 + number);
        keyqueue_add_at(queue, key, now + 100000);
    }
    for (int i = 0; i < 1000; i++) {
        AUTO_FREE char *got = keyqueue_get(queue, 0);
        snprintf(key, sizeof(key), "%d", i);
        assert_string_equal(got, key);
        keyqueue_done(queue, got);
    }
    keyqueue_free(queue);
}

static void *wait_for_key(void *data)
{
    return keyqueue_get(data, -1);
}

static void an_earlier_time_wakes_waiters(void **state)
{
    (void)state;
    struct keyqueue *queue = keyqueue_new();
    pthread_t threads[2];
    char *keys[2];
    keyqueue_add_at(queue, "far", clock_ms() + 3600000);
    for (size_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, wait_for_key, queue);
    clock_sleep_ms(20);
    keyqueue_add_at(queue, "near", clock_ms() + 20);
    keyqueue_add(queue, "now");
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], (void **)&keys[i]);
    assert_non_null(keys[0]);
    assert_non_null(keys[1]);
    assert_true((strcmp(keys[0], "near") == 0) != (strcmp(keys[1], "near") == 0));
    free(keys[0]);
    free(keys[1]);
    keyqueue_free(queue);
}

static void close_wakes_waiters(void **state)
{
    (void)state;
    struct keyqueue *queue = keyqueue_new();
    pthread_t thread;
    void *key = queue;
    pthread_create(&thread, NULL, wait_for_key, queue);
    clock_sleep_ms(20);
    assert_false(keyqueue_closed(queue));
    keyqueue_close(queue);
    pthread_join(thread, &key);
    assert_null(key);
    assert_true(keyqueue_closed(queue));
    keyqueue_add(queue, "late");
    keyqueue_add_at(queue, "later", 0);
    assert_null(keyqueue_get(queue, -1));
    keyqueue_free(queue);
}

/* Several workers, several producers: a key never runs twice at a time, and its last change is
 * seen. */

#define KEYS      8
#define CHANGES   2000
#define PRODUCERS 3

struct shop {
    struct keyqueue *queue;
    atomic_int wanted[KEYS];
    atomic_int seen[KEYS];
    atomic_int running[KEYS];
    atomic_bool overlap;
};

static void *produce(void *data)
{
    struct shop *shop = data;
    for (int i = 0; i < CHANGES; i++) {
        char key[2] = {(char)('0' + i % KEYS), '\0'};
        atomic_fetch_add(&shop->wanted[i % KEYS], 1);
        if (i % 5 == 0)
            keyqueue_add_at(shop->queue, key, clock_ms() + 1);
        else
            keyqueue_add(shop->queue, key);
    }
    return NULL;
}

static void *work(void *data)
{
    struct shop *shop = data;
    for (char *key; (key = keyqueue_get(shop->queue, -1)) != NULL; free(key)) {
        int i = key[0] - '0';
        if (atomic_fetch_add(&shop->running[i], 1) > 0)
            atomic_store(&shop->overlap, true);
        atomic_store(&shop->seen[i], atomic_load(&shop->wanted[i]));
        atomic_fetch_sub(&shop->running[i], 1);
        keyqueue_done(shop->queue, key);
    }
    return NULL;
}

static bool all_seen(struct shop *shop)
{
    for (size_t i = 0; i < KEYS; i++)
        if (atomic_load(&shop->seen[i]) != PRODUCERS * CHANGES / KEYS)
            return false;
    return true;
}

static void loses_nothing_between_threads(void **state)
{
    (void)state;
    static struct shop shop;
    shop.queue = keyqueue_new();
    pthread_t producers[PRODUCERS], workers[4];
    for (size_t i = 0; i < MOT_ARRAY_SIZE(workers); i++)
        pthread_create(&workers[i], NULL, work, &shop);
    for (size_t i = 0; i < PRODUCERS; i++)
        pthread_create(&producers[i], NULL, produce, &shop);
    for (size_t i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    for (int64_t end = clock_ms() + 10000; !all_seen(&shop) && clock_ms() < end;)
        clock_sleep_ms(1);
    keyqueue_close(shop.queue);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(workers); i++)
        pthread_join(workers[i], NULL);
    assert_true(all_seen(&shop));
    assert_false(atomic_load(&shop.overlap));
    keyqueue_free(shop.queue);
}

static int freed;

static void count_free(void *item)
{
    free(item);
    freed++;
}

static void channel_is_a_bounded_fifo(void **state)
{
    (void)state;
    struct channel *channel = channel_new(3);
    int items[5] = {0};
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 3; i++)
            assert_true(channel_send(channel, &items[i], 0));
        assert_false(channel_send(channel, &items[3], 0));
        int64_t start = clock_ms();
        assert_false(channel_send(channel, &items[3], 20));
        assert_true(clock_ms() - start >= 20);
        assert_int_equal(channel_length(channel), 3);
        assert_ptr_equal(channel_receive(channel, 0), &items[0]);
        assert_true(channel_send(channel, &items[4], -1));
        void *drained[5] = {NULL};
        assert_int_equal(channel_drain(channel, drained, 2), 2);
        assert_ptr_equal(drained[0], &items[1]);
        assert_ptr_equal(drained[1], &items[2]);
        assert_ptr_equal(channel_receive(channel, -1), &items[4]);
        assert_null(channel_receive(channel, 0));
        assert_null(channel_receive(channel, 20));
        assert_int_equal(channel_drain(channel, drained, 5), 0);
    }
    channel_free(channel, NULL);
    channel_free(NULL, NULL);
}

static void channel_frees_what_is_left(void **state)
{
    (void)state;
    struct channel *channel = channel_new(4);
    freed = 0;
    assert_true(channel_send(channel, mem_strdup("a"), 0));
    assert_true(channel_send(channel, mem_strdup("b"), 0));
    channel_free(channel, count_free);
    assert_int_equal(freed, 2);
}

static void a_closed_channel_is_emptied(void **state)
{
    (void)state;
    struct channel *channel = channel_new(4);
    int item = 0;
    assert_true(channel_send(channel, &item, 0));
    assert_false(channel_closed(channel));
    channel_close(channel);
    assert_true(channel_closed(channel));
    assert_false(channel_send(channel, &item, -1));
    assert_ptr_equal(channel_receive(channel, -1), &item);
    assert_null(channel_receive(channel, -1));
    channel_free(channel, NULL);
}

static void *send_numbers(void *data)
{
    static int numbers[1000];
    for (size_t i = 0; i < MOT_ARRAY_SIZE(numbers); i++)
        if (!channel_send(data, &numbers[i], -1))
            return NULL;
    return data;
}

static void channel_passes_between_threads(void **state)
{
    (void)state;
    struct channel *channel = channel_new(2);
    pthread_t threads[3];
    size_t received = 0;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(threads); i++)
        pthread_create(&threads[i], NULL, send_numbers, channel);
    while (received < 3000) {
        void *items[2];
        received += channel_drain(channel, items, 2);
        received += channel_receive(channel, 1) != NULL;
    }
    for (size_t i = 0; i < MOT_ARRAY_SIZE(threads); i++) {
        void *finished = NULL;
        pthread_join(threads[i], &finished);
        assert_non_null(finished);
    }
    assert_int_equal(received, 3000);
    channel_free(channel, NULL);
}

static void closing_frees_a_blocked_sender(void **state)
{
    (void)state;
    struct channel *channel = channel_new(1);
    pthread_t thread;
    void *finished = channel;
    pthread_create(&thread, NULL, send_numbers, channel);
    clock_sleep_ms(20);
    channel_close(channel);
    pthread_join(thread, &finished);
    assert_null(finished);
    channel_free(channel, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_scripts),
        cmocka_unit_test(waits_for_the_time),
        cmocka_unit_test(takes_many_delays),
        cmocka_unit_test(an_earlier_time_wakes_waiters),
        cmocka_unit_test(close_wakes_waiters),
        cmocka_unit_test(loses_nothing_between_threads),
        cmocka_unit_test(channel_is_a_bounded_fifo),
        cmocka_unit_test(channel_frees_what_is_left),
        cmocka_unit_test(a_closed_channel_is_emptied),
        cmocka_unit_test(channel_passes_between_threads),
        cmocka_unit_test(closing_frees_a_blocked_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
