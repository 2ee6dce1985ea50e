/*
 * What plain Kafka hops cost on two running clusters: one record at a time of the size of a launch
 * event, from produce to consumed, over one cluster, and over two with a forwarder between them
 * that does nothing else. The measure for the paths of MoT on the same clusters.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/stop.h>
#include <mot/bus/bus.h>

#define TOPIC      "mot-bench-hops"
#define BODY       1400
#define WARMUP     20
#define TIMEOUT_MS 10000

struct hops {
    struct bus_consumer *first, *second;
    struct bus_producer *producer, *forwarder;
    atomic_bool stopping;
};

static void must(int rc, const struct err *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "bench_hops: %s\n", err->message);
    exit(1);
}

static struct bus_consumer *consumer_of(const char *cluster, const char *bootstrap)
{
    struct err err = {0};
    struct bus_topic_config topic = {
        .name = TOPIC, .partitions = 1, .replication_factor = 1, .compacted = true};
    must(bus_topics_create(cluster, bootstrap, &topic, 1, TIMEOUT_MS, &err), &err);
    struct bus_consumer_options options = {
        .region = cluster, .cluster = cluster, .bootstrap = bootstrap, .name = "bench"};
    struct bus_consumer *consumer = bus_consumer_open(&options, &err);
    must(consumer ? 0 : -1, &err);
    must(bus_consumer_assign(consumer, TOPIC, 0, BUS_OFFSET_END, &err), &err);
    return consumer;
}

static struct bus_producer *producer_of(const char *region, const char *cluster,
                                        const char *bootstrap, bool mirror)
{
    struct err err = {0};
    struct bus_producer_options options = {.region = region,
                                           .cluster = cluster,
                                           .bootstrap = bootstrap,
                                           .mirror = mirror,
                                           .epoch = clock_wall_ms()};
    struct bus_producer *producer = bus_producer_open(&options, &err);
    must(producer ? 0 : -1, &err);
    return producer;
}

/* The next record of a consumer; false when it took too long. */
static bool next(struct bus_consumer *consumer, struct bus_record *record)
{
    int64_t deadline = clock_ms() + TIMEOUT_MS;
    struct err err;
    while (clock_ms() < deadline)
        if (bus_consume(consumer, 100, record, &err) == 1)
            return true;
    return false;
}

static void *forward(void *context)
{
    struct hops *hops = context;
    while (!atomic_load(&hops->stopping)) {
        struct bus_record record;
        struct err err = {0};
        if (bus_consume(hops->first, 100, &record, &err) == 1)
            must(bus_forward(hops->forwarder, &record, TOPIC, "bench:0", TIMEOUT_MS, NULL, NULL,
                             &err),
                 &err);
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void run(struct bus_producer *producer, struct bus_consumer *end, int count,
                const char *name)
{
    static char body[BODY];
    memset(body, 'x', sizeof(body));
    int64_t *took = mem_array((size_t)count, sizeof(*took));
    for (int i = -WARMUP; i < count; i++) {
        char key[32];
        snprintf(key, sizeof(key), "default/bench-%d", i);
        struct bus_message message = {
            .topic = TOPIC, .partition = 0, .key = key, .value = body, .value_len = sizeof(body)};
        struct err err = {0};
        int64_t began = clock_us();
        must(bus_produce(producer, &message, TIMEOUT_MS, NULL, NULL, &err), &err);
        struct bus_record record;
        if (!next(end, &record) || strcmp(record.key, key) != 0) {
            fprintf(stderr, "bench_hops: %s: record %d did not come\n", name, i);
            exit(1);
        }
        if (i >= 0)
            took[i] = clock_us() - began;
        usleep(20000); /* as a change now and then, not as a stream */
    }
    qsort(took, (size_t)count, sizeof(*took), compare);
    printf("%s %.1f %.1f\n", name, (double)took[count / 2] / 1000,
           (double)took[(size_t)count * 99 / 100] / 1000);
    fflush(stdout);
    free(took);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "Usage: bench_hops BOOTSTRAP BOOTSTRAP [RECORDS]\n"
                        "Prints p50 and p99 in ms for one hop and for two.\n");
        return 2;
    }
    int count = argc > 3 ? atoi(argv[3]) : 200;
    stop_install();
    struct hops hops = {.first = consumer_of("first", argv[1]),
                        .second = consumer_of("second", argv[2]),
                        .producer = producer_of("first", "first", argv[1], false),
                        .forwarder = producer_of("first", "second", argv[2], true)};
    usleep(1000000); /* until both consumers stand at the end */
    run(hops.producer, hops.first, count, "one");
    pthread_t thread;
    pthread_create(&thread, NULL, forward, &hops);
    run(hops.producer, hops.second, count, "two");
    atomic_store(&hops.stopping, true);
    pthread_join(thread, NULL);
    bus_producer_close(hops.producer, 1000);
    bus_producer_close(hops.forwarder, 1000);
    bus_consumer_close(hops.first);
    bus_consumer_close(hops.second);
    return 0;
}
