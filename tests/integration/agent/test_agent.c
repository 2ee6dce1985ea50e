/* The runtime of agents against real brokers, processes that die and clusters that go away. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <lib/signals.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "support.h"

#define INPUTS 5000
#define GROUPS 100

static void test_create_update_delete(void **state)
{
    (void)state;
    struct bus_producer *producer = producer_open(0);
    struct bundle *bundle = start_agents(producer, 2, IN_OWN);
    put_begin(IN_OWN);
    put("a/1", "x", 1);
    put("a/2", "y", 2);
    put("b/1", "z", 3);
    wait_value("mid", "a/1", "x!");
    wait_value("out", "a", "x!y!");
    put("a/1", "w", 4);
    wait_value("out", "a", "w!y!");
    put("a/2", NULL, 5);
    wait_value("mid", "a/2", NULL);
    wait_value("out", "a", "w!");
    put("a/1", NULL, 6);
    wait_value("out", "a", NULL);
    wait_value("out", "b", "z!");
    put_end();
    assert_int_equal(bundle_lag(bundle, "in"), 0);
    assert_int_equal(bundle_lag(bundle, "nothing"), -1);
    assert_true(bundle_state(bundle).connected);
    bundle_stop(bundle);
    bus_producer_close(producer, 5000);
}

static void run_until_restored(void)
{
    struct bus_producer *producer = producer_open(0);
    struct bundle *bundle = start_agents(producer, 2, IN_OWN);
    wait_restored(bundle);
    bundle_touch(bundle, "join", "b");
    clock_sleep_ms(300);
    bundle_stop(bundle);
    bus_producer_close(producer, 5000);
}

static void test_restart_publishes_nothing(void **state)
{
    (void)state;
    int64_t mid = records_of("mid"), out = records_of("out");
    run_until_restored();
    assert_int_equal(records_of("mid"), mid);
    assert_int_equal(records_of("out"), out);
}

/* What was deleted while nobody was there goes as well; what comes again as it was does nothing. */
static void test_changes_while_away(void **state)
{
    (void)state;
    put_begin(IN_OWN);
    put("b/1", NULL, 7);
    put("c/1", "c", 8);
    put("c/1", "c", 8);
    put_end();
    int64_t mid = records_of("mid");
    run_until_restored();
    wait_value("mid", "b/1", NULL);
    assert_int_equal(records_of("mid"), mid + 2);
    run_until_restored(); /* the second agent reads what the first one wrote */
    wait_value("out", "b", NULL);
    wait_value("out", "c", "c!");
}

static void put_many(int from, int to)
{
    put_begin(IN_OWN);
    for (int i = from; i < to; i++) {
        char key[32], value[32];
        snprintf(key, sizeof(key), "g%d/%d", i % GROUPS, i % (INPUTS / 2));
        snprintf(value, sizeof(value), "%d;", i);
        put(key, i % 7 == 0 ? NULL : value, i + 10);
    }
    put_end();
}

/* What "mid" must say of the inputs that put_many made. */
static void check_many(void)
{
    struct map *mid = state_of("mid");
    int alive = 0;
    for (int k = 0; k < INPUTS / 2; k++) {
        char key[32], value[32];
        int i = k + INPUTS / 2;
        snprintf(key, sizeof(key), "g%d/%d", i % GROUPS, k);
        snprintf(value, sizeof(value), "%d;!", i);
        const char *found = map_get(mid, key);
        if (i % 7 == 0) {
            assert_null(found);
            continue;
        }
        assert_non_null(found);
        assert_string_equal(found, value);
        alive++;
    }
    assert_int_equal(map_count(mid), alive + 1); /* and c/1 */
    map_free(mid);
}

static bool joined(struct map *mid, struct map *out, int group)
{
    char name[16];
    snprintf(name, sizeof(name), "g%d", group);
    AUTO_FREE char *all = mem_strdup("");
    const char **keys = map_sorted_keys(mid);
    for (size_t i = 0; i < map_count(mid); i++) {
        size_t len = strlen(name);
        if (strncmp(keys[i], name, len) != 0 || keys[i][len] != '/')
            continue;
        char *longer = mem_printf("%s%s", all, (const char *)map_get(mid, keys[i]));
        free(all);
        all = longer;
    }
    free(keys);
    const char *found = map_get(out, name);
    return strcmp(all, found ? found : "") == 0;
}

static void wait_joined(void)
{
    int64_t until = clock_ms() + 60000;
    for (;;) {
        struct map *mid = state_of("mid"), *out = state_of("out");
        int good = 0;
        for (int group = 0; group < GROUPS; group++)
            good += joined(mid, out, group);
        map_free(mid);
        map_free(out);
        if (good == GROUPS)
            return;
        if (clock_ms() > until)
            fail_msg("only %d of %d groups are joined", good, GROUPS);
        clock_sleep_ms(200);
    }
}

static void kill_worker_at(int64_t records)
{
    pid_t pid = worker_start();
    int64_t until = clock_ms() + 60000;
    while (records_of("mid") < records && clock_ms() < until)
        ;
    signal_process(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_killed_in_the_middle(void **state)
{
    (void)state;
    int64_t before = records_of("mid");
    put_many(0, INPUTS / 2);
    kill_worker_at(before + 1);
    kill_worker_at(before + 300);
    put_many(INPUTS / 2, INPUTS);
    kill_worker_at(records_of("mid") + 100);
    struct bus_producer *producer = producer_open(0);
    struct bundle *bundle = start_agents(producer, 2, IN_OWN);
    wait_restored(bundle);
    wait_joined();
    check_many();
    bundle_stop(bundle);
    bus_producer_close(producer, 5000);
}

static void test_cluster_restarts(void **state)
{
    (void)state;
    struct bus_producer *producer = producer_open(0);
    struct bundle *bundle = start_agents(producer, 2, IN_OWN);
    wait_restored(bundle);
    kafka_stop(own);
    clock_sleep_ms(1000);
    kafka_begin(own);
    kafka_await(own);
    put_begin(IN_OWN);
    put("d/1", "d", 9000);
    put_end();
    wait_value("out", "d", "d!");
    wait_value("out", "c", "c!");
    bundle_stop(bundle);
    bus_producer_close(producer, 5000);
}

/* The region's own cluster is away for longer than its producer waits: creations, changes and
 * deletions alike are published once it is back. */
static void test_given_up(void **state)
{
    (void)state;
    struct bus_producer *producer = producer_open(2000);
    struct bundle *bundle = start_agents(producer, 1, IN_FAR);
    put_begin(IN_FAR);
    put("far/1", "one", 1);
    put("far/2", "two", 2);
    wait_value("mid", "far/2", "two!");
    wait_value("mid", "far/1", "one!");
    kafka_kill(own);
    put("far/1", NULL, 3);
    put("far/2", "zwei", 4);
    put("far/3", "drei", 5);
    put_end();
    clock_sleep_ms(6000);
    kafka_begin(own);
    kafka_await(own);
    wait_value("mid", "far/3", "drei!");
    wait_value("mid", "far/2", "zwei!");
    wait_value("mid", "far/1", NULL);
    bundle_stop(bundle);
    bus_producer_close(producer, 5000);
}

static void wipe(struct kafka *broker)
{
    kafka_wipe(broker);
    kafka_begin(broker);
    kafka_await(broker);
    topics_create();
}

/* A wiped cluster of the region is filled again; one that the inputs come from deletes nothing. */
static void test_wiped(void **state)
{
    (void)state;
    struct bus_producer *producer = producer_open(0);
    wait_restorations(0);
    struct bundle *bundle = start_agents(producer, 1, IN_FAR);
    wait_restorations(1);
    wipe(own);
    wait_value("mid", "far/2", "zwei!");
    wait_value("mid", "far/3", "drei!");
    wait_restorations(1);
    wipe(far);
    put_begin(IN_FAR);
    for (int i = 0; i < 100; i++) { /* more than was there before */
        AUTO_FREE char *key = mem_printf("again/%d", i);
        put(key, "x", 6);
    }
    wait_restorations(1);
    wait_value("mid", "again/99", "x!");
    struct map *mid = state_of("mid");
    assert_int_equal(map_count(mid), 102);
    assert_string_equal(map_get(mid, "far/2"), "zwei!");
    map_free(mid);
    put("far/2", NULL, 7); /* not an input of this time, but still in the sink */
    wait_value("mid", "far/2", NULL);
    put_end();
    bundle_stop(bundle);
    bus_producer_close(producer, 5000);
}

static void test_stops_while_waiting(void **state)
{
    (void)state;
    kafka_kill(far);
    struct bus_producer *producer = producer_open(0);
    struct bundle *bundle = start_agents(producer, 1, IN_FAR);
    clock_sleep_ms(1500);
    assert_false(bundle_restored(bundle));
    assert_int_equal(bundle_lag(bundle, "in"), -1);
    int64_t began = clock_ms();
    bundle_stop(bundle);
    assert_true(clock_ms() - began < 8000);
    bus_producer_close(producer, 1000);
}

static int setup(void **state)
{
    (void)state;
    struct kafka *brokers[2];
    kafka_start(brokers, 2);
    own = brokers[0];
    far = brokers[1];
    topics_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kafka_free(own);
    kafka_free(far);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--worker") == 0)
        return worker_main(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_update_delete),
        cmocka_unit_test(test_restart_publishes_nothing),
        cmocka_unit_test(test_changes_while_away),
        cmocka_unit_test(test_killed_in_the_middle),
        cmocka_unit_test(test_cluster_restarts),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_wiped),
        cmocka_unit_test(test_stops_while_waiting),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
