/*
 * `mot mirror` as a process of its own (this program again, with "mirror" as its first argument)
 * between two real brokers, while it and they are stopped, killed and wiped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cli/commands.h>
#include <lib/kafka.h>
#include <lib/records.h>
#include <lib/signals.h>
#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>
#include <mot/bus/bus.h>
#include <mot/topology/topology.h>

#define OUTWARD  TOPIC_LAUNCH "-stage-a"
#define INWARD   TOPIC_DEPLOYMENT_STATE
#define ARRIVING TOPIC_DEPLOYMENT_STATE ".stage-a"

static struct {
    struct kafka *brokers[2]; /* of production-a, of stage-a */
    char dir[64];
    char *topology;
    pid_t mirror;
} world;

static const char *production(void)
{
    return kafka_bootstrap(world.brokers[0]);
}

static const char *stage(void)
{
    return kafka_bootstrap(world.brokers[1]);
}

/* ------------------------------------------------------------------------------------ the mirror's
 * process */

static void start_mirror(void)
{
    char program[] = "mirror-under-test";
    char command[] = "mirror";
    char option[] = "--topology";
    char *argv[] = {program, command, option, world.topology, NULL};
    pid_t parent = getpid();
    world.mirror = fork();
    assert_true(world.mirror >= 0);
    if (world.mirror > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        execv("/proc/self/exe", argv);
    _exit(127);
}

static void end_mirror(int sig)
{
    int status = 0;
    if (world.mirror <= 0)
        return;
    signal_process(world.mirror, sig);
    while (waitpid(world.mirror, &status, 0) < 0 && errno == EINTR)
        ;
    world.mirror = 0;
    if (sig == SIGTERM)
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int start_world(void **state)
{
    (void)state;
    struct err err = {0};
    kafka_start(world.brokers, 2);
    snprintf(world.dir, sizeof(world.dir), "/tmp/mot-mirror-XXXXXX");
    assert_non_null(mkdtemp(world.dir));
    world.topology = mem_printf("%s/topology.yaml", world.dir);
    AUTO_FREE char *text =
        mem_printf("apiVersion: mot.dev/v1alpha1\nkind: Topology\ncentral: production-a\n"
                   "pseudoCentral: stage-a\nregions:\n"
                   "- name: production-a\n  appenv: production\n"
                   "  kafka: {bootstrapServers: \"%s\"}\n"
                   "  zones: [{name: a, driver: local}]\n"
                   "- name: stage-a\n  appenv: stage\n"
                   "  kafka: {bootstrapServers: \"%s\"}\n"
                   "  zones: [{name: a, driver: local}]\n",
                   production(), stage());
    return file_write(world.topology, text, strlen(text), 0644, &err);
}

static int free_world(void **state)
{
    (void)state;
    struct err err = {0};
    end_mirror(SIGKILL);
    kafka_free(world.brokers[0]);
    kafka_free(world.brokers[1]);
    free(world.topology);
    return file_remove_tree(world.dir, &err);
}

static int stop_mirror_after(void **state)
{
    (void)state;
    end_mirror(SIGKILL);
    return 0;
}

/* ------------------------------------------------------------------------------------ cases */

/* Until the mirror has made it. */
static void await_topic(struct bus_consumer *consumer, const char *topic, int partitions)
{
    struct err err = {0};
    int found = 0;
    int64_t until_ms = clock_ms() + RECORDS_WAIT_MS;
    while (bus_consumer_partitions(consumer, topic, 5000, &found, &err) < 0) {
        if (clock_ms() > until_ms)
            fail_msg("%s", err.message);
        clock_sleep_ms(50);
    }
    assert_int_equal(found, partitions);
    records_assign(consumer, topic, partitions);
}

static void assert_same(const struct bus_record *copy, const struct bus_record *original,
                        const char *key, const char *value, const char *trace)
{
    assert_string_equal(copy->key, key);
    if (value)
        assert_string_equal(copy->value, value);
    else
        assert_null(copy->value);
    assert_int_equal(copy->partition, original->partition);
    assert_int_equal(copy->timestamp_ms, original->timestamp_ms);
    assert_string_equal(copy->headers.region, "production-a");
    assert_int_equal(copy->headers.epoch, original->headers.epoch);
    assert_int_equal(copy->headers.sequence, original->headers.sequence);
    assert_int_equal(copy->headers.revision, original->headers.revision);
    assert_string_equal(copy->headers.trace, trace);
    assert_non_null(copy->headers.origin);
}

static void check_copy(struct bus_consumer *source, struct bus_consumer *destination,
                       const char *key, const char *value)
{
    struct bus_record original;
    struct bus_record copy;
    records_next(source, &original);
    AUTO_FREE char *trace = mem_strdup(original.headers.trace);
    records_next(destination, &copy);
    assert_same(&copy, &original, key, value, trace);
}

static void test_everything_is_preserved(void **state)
{
    (void)state;
    records_topic(production(), OUTWARD, 1);
    struct bus_producer *producer = records_producer(production(), "production-a");
    struct bus_consumer *source = records_consumer(production(), "production-a");
    struct bus_consumer *destination = records_consumer(stage(), "stage-a");
    records_assign(source, OUTWARD, 1);
    records_produce(producer, OUTWARD, "team/one", "{\"x\":\"\\u00e9\"}");
    records_produce(producer, OUTWARD, "team/two", "");
    start_mirror();
    await_topic(destination, OUTWARD, 1);
    records_produce(producer, OUTWARD, "team/one", NULL);
    check_copy(source, destination, "team/one", "{\"x\":\"\\u00e9\"}");
    check_copy(source, destination, "team/two", "");
    check_copy(source, destination, "team/one", NULL);
    end_mirror(SIGTERM);
    start_mirror();
    records_produce(producer, OUTWARD, "team/three", "after a restart");
    check_copy(source, destination, "team/three", "after a restart");
    bus_consumer_close(source);
    bus_consumer_close(destination);
    bus_producer_close(producer, RECORDS_WAIT_MS);
}

/* The way back carries the region in its name. Killed in the middle, more than once: no gap. */
static void test_killed_in_the_middle(void **state)
{
    (void)state;
    struct records_check check = {0};
    records_topic(stage(), INWARD, 3);
    struct bus_producer *producer = records_producer(stage(), "stage-a");
    struct bus_consumer *destination = records_consumer(production(), "production-a");
    start_mirror();
    await_topic(destination, ARRIVING, 3);
    for (int round = 0; round < 4; round++) {
        records_produce_range(producer, INWARD, 500, round * 5000, 5000);
        records_read(destination, &check, round * 5000 + 1000 + round * 700);
        end_mirror(SIGKILL);
        start_mirror();
    }
    records_flush(producer);
    records_read(destination, &check, 20000);
    print_message("killed 4 times in 20000 records: %lld duplicates\n",
                  (long long)check.duplicates);
    assert_int_equal(check.gaps, 0);
    assert_int_equal(check.reordered, 0);
    assert_true(check.duplicates <= 4 * 5000);
    bus_consumer_close(destination);
    bus_producer_close(producer, RECORDS_WAIT_MS);
}

/* One broker is away while records are produced, as far as they can be. */
static void check_broker_away(struct kafka *away, const char *topic, bool source_too)
{
    struct records_check check = {0};
    records_topic(production(), OUTWARD, 1);
    struct bus_producer *producer = records_producer(production(), "production-a");
    struct bus_consumer *destination = records_consumer(stage(), "stage-a");
    struct bus_record record;
    start_mirror();
    await_topic(destination, topic, 1);
    records_produce(producer, topic, "first", NULL);
    do {
        records_next(destination, &record);
    } while (strcmp(record.key, "first") != 0);
    check.last[0] = 1;
    records_produce_range(producer, topic, 100, 0, 2000);
    records_read(destination, &check, 500);
    kafka_stop(away);
    records_produce_range(producer, topic, 100, 2000, 2000);
    if (!source_too)
        records_flush(producer);
    kafka_begin(away);
    kafka_await(away);
    records_produce_range(producer, topic, 100, 4000, 2000);
    records_flush(producer);
    records_read(destination, &check, 6000);
    assert_int_equal(check.gaps, 0);
    assert_int_equal(check.reordered, 0);
    assert_int_equal(check.duplicates, 0);
    bus_consumer_close(destination);
    bus_producer_close(producer, RECORDS_WAIT_MS);
}

static void test_destination_away(void **state)
{
    (void)state;
    check_broker_away(world.brokers[1], OUTWARD, false);
}

static void test_source_away(void **state)
{
    (void)state;
    check_broker_away(world.brokers[0], OUTWARD, true);
}

/* Reads until @key comes. */
static void await_key(struct bus_consumer *consumer, const char *key)
{
    struct bus_record record;
    do {
        records_next(consumer, &record);
    } while (strcmp(record.key, key) != 0);
}

/* A source that was wiped starts at offset 0 again: nothing of the new one may be skipped. */
static void test_source_wiped(void **state)
{
    (void)state;
    struct bus_consumer *destination = records_consumer(stage(), "stage-a");
    start_mirror();
    await_topic(destination, OUTWARD, 1);
    kafka_wipe(world.brokers[0]);
    kafka_begin(world.brokers[0]);
    kafka_await(world.brokers[0]);
    records_topic(production(), OUTWARD, 1);
    struct bus_producer *producer = records_producer(production(), "production-a");
    records_produce(producer, OUTWARD, "born again", "1");
    await_key(destination, "born again");
    bus_producer_close(producer, RECORDS_WAIT_MS);
    bus_consumer_close(destination);
}

/* A destination that was wiped gets everything again. */
static void test_destination_wiped(void **state)
{
    (void)state;
    struct bus_producer *producer = records_producer(production(), "production-a");
    struct bus_consumer *before = records_consumer(stage(), "stage-a");
    start_mirror();
    await_topic(before, OUTWARD, 1);
    records_produce(producer, OUTWARD, "old", "1");
    await_key(before, "old");
    bus_consumer_close(before);
    kafka_wipe(world.brokers[1]);
    kafka_begin(world.brokers[1]);
    kafka_await(world.brokers[1]);
    records_topic(stage(), OUTWARD, 1); /* as `mot up` would */
    records_produce(producer, OUTWARD, "new", "2");
    struct bus_consumer *after = records_consumer(stage(), "stage-a");
    await_topic(after, OUTWARD, 1);
    await_key(after, "old");
    await_key(after, "new");
    bus_consumer_close(after);
    bus_producer_close(producer, RECORDS_WAIT_MS);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static long resident_kb(pid_t pid)
{
    struct err err = {0};
    AUTO_FREE char *path = mem_printf("/proc/%ld/status", (long)pid);
    AUTO_FREE char *text = file_read(path, 65536, NULL, &err);
    const char *at = text ? strstr(text, "VmRSS:") : NULL;
    return at ? strtol(at + 6, NULL, 10) : -1;
}

/* Not a bench: it only catches that something waits for a timer on the way. */
static void test_latency(void **state)
{
    (void)state;
    int64_t took_us[300];
    struct bus_record record;
    struct bus_producer *producer = records_producer(production(), "production-a");
    struct bus_consumer *destination = records_consumer(stage(), "stage-a");
    start_mirror();
    await_topic(destination, OUTWARD, 1);
    records_produce(producer, OUTWARD, "warm", "up");
    await_key(destination, "warm");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(took_us); i++) {
        int64_t began_us = clock_us();
        records_produce(producer, OUTWARD, "k", "v");
        records_next(destination, &record);
        took_us[i] = clock_us() - began_us;
    }
    qsort(took_us, MOT_ARRAY_SIZE(took_us), sizeof(took_us[0]), compare);
    print_message("produce to consume through the mirror: p50 %lld us, p90 %lld us, p99 %lld us; "
                  "the mirror: %ld KB\n",
                  (long long)took_us[150], (long long)took_us[270], (long long)took_us[297],
                  resident_kb(world.mirror));
    assert_true(took_us[150] < 100000);
    end_mirror(SIGTERM);
    bus_consumer_close(destination);
    bus_producer_close(producer, RECORDS_WAIT_MS);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "mirror") == 0)
        return mirror_main(argc - 1, argv + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_everything_is_preserved, stop_mirror_after),
        cmocka_unit_test_teardown(test_killed_in_the_middle, stop_mirror_after),
        cmocka_unit_test_teardown(test_latency, stop_mirror_after),
        cmocka_unit_test_teardown(test_destination_away, stop_mirror_after),
        cmocka_unit_test_teardown(test_source_away, stop_mirror_after),
        cmocka_unit_test_teardown(test_destination_wiped, stop_mirror_after),
        cmocka_unit_test_teardown(test_source_wiped, stop_mirror_after),
    };
    return cmocka_run_group_tests_name("mirror between two brokers", tests, start_world,
                                       free_world);
}
