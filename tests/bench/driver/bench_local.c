/*
 * How fast the local driver starts: from apply() to the program running, one after the other; and
 * so many deployments at once in so many zones until all of them run. bench_driver_local
 * [DEPLOYMENTS [ZONES]]
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>

#include "drivers/drivers.h"

#define SINGLE 200

struct zone_run {
    struct driver *driver;
    struct arena *arena, *seen;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool changed;
    int deployments;
};

static void on_changed(void *context)
{
    struct zone_run *run = context;
    pthread_mutex_lock(&run->mutex);
    run->changed = true;
    pthread_cond_signal(&run->cond);
    pthread_mutex_unlock(&run->mutex);
}

static void wait_change(struct zone_run *run)
{
    pthread_mutex_lock(&run->mutex);
    while (!run->changed)
        pthread_cond_wait(&run->cond, &run->mutex);
    run->changed = false;
    pthread_mutex_unlock(&run->mutex);
}

static void check(int ret, const struct err *err)
{
    if (ret == 0)
        return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void open_zone(struct zone_run *run, const char *dir, int number)
{
    struct err err = {0};
    char *data = mem_printf("%s/zone-%d", dir, number);
    check(file_mkdirs(data, 0755, &err), &err);
    struct driver_options options = {
        .region = "r", .zone = "z", .data = data, .changed = on_changed, .context = run};
    run->arena = arena_new((size_t)256 << 20);
    run->seen = arena_new((size_t)256 << 20);
    pthread_mutex_init(&run->mutex, NULL);
    pthread_cond_init(&run->cond, NULL);
    run->driver = local_driver.open(&options, &err);
    check(run->driver ? 0 : -1, &err);
    free(data);
}

static void close_zone(struct zone_run *run)
{
    local_driver.close(run->driver, true);
    arena_free(run->arena);
    arena_free(run->seen);
    pthread_cond_destroy(&run->cond);
    pthread_mutex_destroy(&run->mutex);
}

static void apply(struct zone_run *run, int number)
{
    struct err err = {0};
    const char *text = arena_printf(
        run->arena,
        "{\"metadata\":{\"namespace\":\"n\",\"name\":\"a-%d\",\"uid\":\"u\",\"generation\":1,"
        "\"resourceVersion\":\"1\"},\"spec\":{\"deployment\":\"a-%d\",\"region\":\"r\",\"zones\":"
        "[],\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"command\":"
        "[\"/bin/sleep\",\"1000\"],\"ports\":[{\"name\":\"http\",\"containerPort\":80}]}]}}}}",
        number, number);
    const struct workload *workload = workload_decode(run->arena, text, strlen(text), &err);
    check(workload ? local_driver.apply(run->driver, workload, 1, &err) : -1, &err);
}

static int running(struct zone_run *run)
{
    struct err err = {0};
    struct observation observation = {0};
    int count = 0;
    arena_clear(run->seen);
    check(local_driver.observe(run->driver, run->seen, &observation, &err), &err);
    for (size_t i = 0; i < observation.app_count; i++)
        count += observation.apps[i].instance_count == 1 &&
                 (observation.apps[i].instances[0].phase == INSTANCE_STARTING ||
                  observation.apps[i].instances[0].phase == INSTANCE_RUNNING);
    return count;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void one_by_one(const char *dir)
{
    struct zone_run run = {0};
    int64_t took[SINGLE], called[SINGLE];
    open_zone(&run, dir, 1000);
    for (int i = 0; i < SINGLE; i++) {
        int64_t began = clock_us();
        apply(&run, i);
        called[i] = clock_us() - began;
        while (running(&run) < i + 1)
            wait_change(&run);
        took[i] = clock_us() - began;
    }
    qsort(took, SINGLE, sizeof(*took), compare);
    qsort(called, SINGLE, sizeof(*called), compare);
    printf("apply() returns:        p50 %.2f ms, p99 %.2f ms\n", (double)called[SINGLE / 2] / 1e3,
           (double)called[SINGLE * 99 / 100] / 1e3);
    printf("apply() to process run: p50 %.2f ms, p99 %.2f ms\n", (double)took[SINGLE / 2] / 1e3,
           (double)took[SINGLE * 99 / 100] / 1e3);
    int64_t began = clock_us();
    close_zone(&run);
    printf("%d stopped in %.0f ms\n", SINGLE, (double)(clock_us() - began) / 1e3);
}

static void *start_all(void *context)
{
    struct zone_run *run = context;
    for (int i = 0; i < run->deployments; i++)
        apply(run, i);
    while (running(run) < run->deployments)
        wait_change(run);
    return NULL;
}

static void all_at_once(const char *dir, int deployments, int zones)
{
    struct zone_run *runs = mem_array((size_t)zones, sizeof(*runs));
    pthread_t *threads = mem_array((size_t)zones, sizeof(*threads));
    for (int i = 0; i < zones; i++) {
        runs[i].deployments = deployments;
        open_zone(&runs[i], dir, i);
    }
    int64_t began = clock_us();
    for (int i = 0; i < zones; i++)
        pthread_create(&threads[i], NULL, start_all, &runs[i]);
    for (int i = 0; i < zones; i++)
        pthread_join(threads[i], NULL);
    printf("%d deployments in %d zones run after %.0f ms\n", deployments, zones,
           (double)(clock_us() - began) / 1e3);
    for (int i = 0; i < zones; i++)
        close_zone(&runs[i]);
    free(threads);
    free(runs);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    char dir[] = "/tmp/mot-bench-XXXXXX";
    log_init("bench", NULL);
    log_set_level("error");
    if (!mkdtemp(dir))
        return 1;
    one_by_one(dir);
    all_at_once(dir, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 200,
                argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2);
    check(file_remove_tree(dir, &err), &err);
    return 0;
}
