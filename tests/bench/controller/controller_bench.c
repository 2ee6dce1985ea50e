/*
 * What the controller costs: from a Deployment's commit to its launch record in Kafka, at rest; and
 * CPU and time for many deployments at once. bench_controller [COUNT]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "rig.h"

#define ROUNDS 200

static int many = 500;

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static void print_percentiles(const char *what, int64_t *us, size_t count)
{
    qsort(us, count, sizeof(*us), compare);
    printf("%-44s p50 %6.2f ms  p99 %6.2f ms\n", what, (double)us[count / 2] / 1000,
           (double)us[count * 99 / 100] / 1000);
}

static int64_t wait_launch(struct region *region, const char *key, int launches)
{
    while (region_launches(region, key) < launches)
        clock_sleep_ms(1);
    return region_heard(region, key);
}

/* What the parts cost alone: a commit, and a record through Kafka. */
static void hops(struct rig *rig, struct region *region)
{
    static int64_t commit[ROUNDS], kafka[ROUNDS];
    struct bus_producer *producer = rig_producer(rig, STAGE, 1);
    const struct route *route = routes_find(rig->routes, TOPIC_LAUNCH, rig->regions[STAGE]);
    for (int i = 0; i < ROUNDS; i++) {
        char name[32], key[64];
        snprintf(name, sizeof(name), "h%d", i);
        snprintf(key, sizeof(key), "plain/%s", name);
        int64_t at = clock_us();
        rig_create(rig, name, 0);
        commit[i] = clock_us() - at;
        clock_sleep_ms(20);
        struct bus_message message = {.topic = route->produced_topic,
                                      .partition = -1,
                                      .key = key,
                                      .value = "{}",
                                      .value_len = 2};
        struct err err = {0};
        at = clock_us();
        if (bus_produce(producer, &message, RIG_WAIT_MS, NULL, NULL, &err))
            fail_msg("%s", err.message);
        kafka[i] = wait_launch(region, key, 1) - at;
        clock_sleep_ms(20);
    }
    bus_producer_close(producer, 1000);
    print_percentiles("a commit alone", commit, ROUNDS);
    print_percentiles("a record through Kafka alone", kafka, ROUNDS);
}

static void latency(struct rig *rig, struct region *region)
{
    static int64_t create[ROUNDS], update[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        char name[32], key[64], image[32];
        snprintf(name, sizeof(name), "l%d", i);
        snprintf(key, sizeof(key), RIG_NS "/%s", name);
        snprintf(image, sizeof(image), "img:%d", i + 2);
        rig_create(rig, name, 1U << STAGE);
        int64_t at = clock_us();
        create[i] = wait_launch(region, key, 1) - at;
        clock_sleep_ms(20);
        rig_update(rig, "deployments.mot.dev", RIG_NS, name, rig_set_image, image);
        at = clock_us();
        update[i] = wait_launch(region, key, 2) - at;
        clock_sleep_ms(20);
    }
    print_percentiles("new deployment, committed -> in Kafka", create, ROUNDS);
    print_percentiles("changed deployment, committed -> in Kafka", update, ROUNDS);
}

static void wait_converged(struct rig *rig, int count)
{
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "m%d", i);
        rig_await_condition(rig, "deployments.mot.dev", RIG_NS, name, "Converged", "True");
    }
}

static void throughput(struct rig *rig, const struct process *controller)
{
    int64_t cpu = rig_cpu_us(controller), at = clock_us(), revision = rig_revision(rig);
    for (int i = 0; i < many; i++) {
        char name[32];
        snprintf(name, sizeof(name), "m%d", i);
        rig_create(rig, name, 7);
    }
    int64_t created = clock_us();
    wait_converged(rig, many);
    int64_t done = clock_us();
    cpu = rig_cpu_us(controller) - cpu;
    printf("%d deployments x 3 regions: created in %.2f s, all converged after %.2f s; controller "
           "%.2f s CPU, %.2f ms per deployment; %lld revisions; RSS %.1f MB\n",
           many, (double)(created - at) / 1e6, (double)(done - at) / 1e6, (double)cpu / 1e6,
           (double)cpu / 1000 / many, (long long)(rig_revision(rig) - revision),
           (double)rig_rss_kb(controller) / 1024);
}

static void rest(struct rig *rig, const struct process *controller)
{
    clock_sleep_ms(3000);
    int64_t cpu = rig_cpu_us(controller), revision = rig_revision(rig);
    clock_sleep_ms(10000);
    printf("at rest for 10 s: %.0f ms CPU, %lld revisions, RSS %.1f MB\n",
           (double)(rig_cpu_us(controller) - cpu) / 1000, (long long)(rig_revision(rig) - revision),
           (double)rig_rss_kb(controller) / 1024);
}

static void bench(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "bench");
    struct process controller = rig_start(&rig, NULL);
    rig_await_log(&controller, "leading");
    struct region *regions[3];
    for (int i = 0; i < 3; i++)
        regions[i] = region_start(&rig, i, (struct region_options){true, 1000});
    clock_sleep_ms(1000);
    hops(&rig, regions[STAGE]);
    latency(&rig, regions[STAGE]);
    throughput(&rig, &controller);
    rest(&rig, &controller);
    for (int i = 0; i < 3; i++)
        region_stop(regions[i]);
    rig_end(&controller);
    rig_close(&rig);
}

int main(int argc, char **argv)
{
    rig_main(argc, argv);
    if (argc > 1)
        many = atoi(argv[1]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(bench)};
    return cmocka_run_group_tests(tests, rig_servers_start, rig_servers_stop);
}
