/* The zone worker over the local driver: what is desired gets there, and what is reported is so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "converge/zone.h"
#include "drivers/drivers.h"
#include "rig.h"

#define DEADLINE_MS 30000

struct bench {
    char *dir;
    struct zone *zone;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    struct map *reports; /* key → text */
    int count;           /* of reports */
    int tombstones;
};

static void on_report(void *context, const char *key, const char *report, size_t len,
                      int64_t revision, bool tombstone)
{
    struct bench *bench = context;
    (void)revision;
    pthread_mutex_lock(&bench->mutex);
    bench->count++;
    bench->tombstones += tombstone;
    if (tombstone)
        map_remove(bench->reports, key);
    else
        map_put(bench->reports, key, mem_strndup(report, len));
    pthread_cond_signal(&bench->cond);
    pthread_mutex_unlock(&bench->mutex);
}

static void start(struct bench *bench, int64_t unknown_after_ms)
{
    struct err err = {0};
    struct zone_options options = {.region = "test-us-east-1",
                                   .name = "us-east-1a",
                                   .driver = "local",
                                   .data = bench->dir,
                                   .report = on_report,
                                   .context = bench,
                                   .unknown_after_ms = unknown_after_ms};
    bench->zone = zone_start(&options, &err);
    assert_non_null(bench->zone);
}

static int set_up(void **state)
{
    char dir[] = "/tmp/mot-zone-test-XXXXXX";
    pthread_condattr_t monotonic;
    struct bench *bench = mem_zalloc(sizeof(*bench));
    assert_non_null(mkdtemp(dir));
    bench->dir = mem_strdup(dir);
    bench->reports = map_new(free);
    pthread_mutex_init(&bench->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&bench->cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    start(bench, 0);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct err err;
    struct bench *bench = *state;
    zone_stop(bench->zone, true);
    struct rig as_rig = {.note = bench->dir};
    int left = rig_processes(&as_rig);
    int removed = file_remove_tree(bench->dir, &err);
    map_free(bench->reports);
    pthread_cond_destroy(&bench->cond);
    pthread_mutex_destroy(&bench->mutex);
    free(bench->dir);
    free(bench);
    return left + removed;
}

/* A workload of one instance; @more: members of the metadata with a leading comma. */
static void desire(struct bench *bench, const char *name, int revision, const char *zone,
                   int replicas, const char *more)
{
    char *key = mem_printf("shop/%s", name);
    char *text = mem_printf(
        "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"%s-r\",\"uid\":\"u-%s\","
        "\"generation\":%d,\"resourceVersion\":\"%d\"%s},\"spec\":{\"deployment\":\"%s\","
        "\"region\":\"test-us-east-1\",\"zones\":[{\"name\":\"%s\",\"replicas\":%d}],"
        "\"template\":{\"spec\":{\"terminationGracePeriodSeconds\":2,\"containers\":[{"
        "\"name\":\"main\",\"image\":\"app:1\",\"command\":[\"%s\"],"
        "\"env\":[{\"name\":\"MARK\",\"value\":\"%s\"}],"
        "\"ports\":[{\"name\":\"http\",\"containerPort\":8080}],"
        "\"readinessProbe\":{\"httpGet\":{\"path\":\"/ready\",\"port\":\"http\"}}}]}}}}",
        name, name, revision, revision, more, name, zone, replicas, MOT_TESTAPP, bench->dir);
    zone_desire(bench->zone, key, text, strlen(text), revision);
    free(text);
    free(key);
}

static bool says(const char *report, const char *state)
{
    if (!report || !state)
        return !report && !state;
    char *wanted = mem_printf("\"state\":\"%s\"", state);
    bool same = strstr(report, wanted) != NULL;
    free(wanted);
    return same;
}

/* Waits for the report to say @state and have @part in it; NULL: for its tombstone. A copy of it.
 */
static char *await(struct bench *bench, const char *name, const char *state, const char *part)
{
    char *key = mem_printf("shop/%s", name);
    int64_t deadline = clock_ms() + DEADLINE_MS;
    struct timespec until = {.tv_sec = deadline / 1000};
    pthread_mutex_lock(&bench->mutex);
    const char *report = map_get(bench->reports, key);
    while (!says(report, state) || (report && !strstr(report, part))) {
        if (pthread_cond_timedwait(&bench->cond, &bench->mutex, &until) != 0)
            fail_msg("%s: not %s: %s", name, state ? state : "gone", report ? report : "(none)");
        report = map_get(bench->reports, key);
    }
    char *copy = report ? mem_strdup(report) : NULL;
    pthread_mutex_unlock(&bench->mutex);
    free(key);
    return copy;
}

static void expect(struct bench *bench, const char *name, const char *state, const char *part)
{
    free(await(bench, name, state, part));
}

static int reports(struct bench *bench)
{
    pthread_mutex_lock(&bench->mutex);
    int count = bench->count;
    pthread_mutex_unlock(&bench->mutex);
    return count;
}

static void test_life(void **state)
{
    struct bench *bench = *state;
    struct err err;
    desire(bench, "web", 3, "us-east-1a", 2, "");
    char *text = await(bench, "web", "Converged", "\"revision\":3");
    json_t *report = json_parse(text, strlen(text), true, &err);
    assert_non_null(report);
    assert_string_equal(json_at_text(report, "zone"), "us-east-1a");
    assert_string_equal(json_at_text(report, "driver"), "local");
    assert_string_equal(json_at_text(report, "uid"), "u-web");
    assert_int_equal(json_at_int(report, "generation", 0), 3);
    assert_int_equal(json_at_int(report, "replicas", 0), 2);
    const json_t *list = json_object_get(report, "instances");
    assert_int_equal(json_array_size(list), 2);
    const json_t *one = json_array_get(list, 0);
    assert_string_equal(json_at_text(one, "namespace"), "shop");
    assert_string_equal(json_at_text(one, "deployment"), "web");
    assert_string_equal(json_at_text(one, "region"), "test-us-east-1");
    assert_string_equal(json_at_text(one, "phase"), "Running");
    assert_true(json_at_bool(one, "ready", false));
    assert_true(json_at_bool(one, "health.ok", false));
    assert_string_equal(json_at_text(one, "health.message"), "HTTP 200");
    assert_non_null(json_at_text(one, "observedAt"));
    json_decref(report);
    free(text);
    desire(bench, "web", 4, "us-east-1a", 1, "");
    expect(bench, "web", "Converged", "\"replicas\":1");
    desire(bench, "web", 5, "us-east-1a", 1, ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"");
    expect(bench, "web", "Gone", "\"instances\":[]");
    zone_desire(bench->zone, "shop/web", NULL, 0, 0);
    expect(bench, "web", NULL, "");
}

static void test_tombstone_stops(void **state)
{
    struct bench *bench = *state;
    desire(bench, "web", 3, "us-east-1a", 1, "");
    expect(bench, "web", "Converged", "");
    zone_desire(bench->zone, "shop/web", NULL, 0, 0);
    expect(bench, "web", NULL, "");
    struct zone_stats stats;
    zone_stats(bench->zone, &stats);
    assert_int_equal(stats.desired, 0);
}

static void test_bad_launch_event_stops_nothing(void **state)
{
    struct bench *bench = *state;
    desire(bench, "web", 3, "us-east-1a", 1, "");
    expect(bench, "web", "Converged", "");
    zone_desire(bench->zone, "shop/web", "{", 1, 4);
    expect(bench, "web", "Failed", "\"ready\":true");
    desire(bench, "web", 5, "us-east-1a", 1, "");
    expect(bench, "web", "Converged", "\"revision\":5");
}

static void test_leaves_the_zone(void **state)
{
    struct bench *bench = *state;
    desire(bench, "web", 3, "us-east-1a", 1, "");
    expect(bench, "web", "Converged", "");
    desire(bench, "web", 4, "us-east-1b", 1, "");
    expect(bench, "web", NULL, "");
}

/* After a restart nothing is desired yet: nothing is stopped, and orphans are named only once it is
 * known that they are. */
static void test_restart(void **state)
{
    struct bench *bench = *state;
    desire(bench, "web", 3, "us-east-1a", 1, "");
    desire(bench, "lost", 4, "us-east-1a", 1, "");
    expect(bench, "web", "Converged", "");
    expect(bench, "lost", "Converged", "");
    zone_stop(bench->zone, false);
    int before = reports(bench);
    start(bench, 0);
    desire(bench, "web", 3, "us-east-1a", 1, "");
    expect(bench, "web", "Converged", "");
    zone_restored(bench->zone);
    expect(bench, "lost", "Unknown", "no launch event asks for it");
    expect(bench, "lost", "Unknown", "\"ready\":true");
    /* One for each: it was converged all the time. */
    assert_int_equal(reports(bench) - before, 2);
    struct zone_stats stats;
    zone_stats(bench->zone, &stats);
    assert_int_equal(stats.orphans, 1);
    assert_int_equal(stats.instances, 2);
}

static void test_unknown(void **state)
{
    struct bench *bench = *state;
    desire(bench, "web", 3, "us-east-1a", 1, "");
    expect(bench, "web", "Converged", "");
    zone_stop(bench->zone, false);
    /* Another driver has the folder. */
    struct err err = {0};
    struct driver_options options = {.region = "r", .zone = "us-east-1a", .data = bench->dir};
    struct driver *other = local_driver.open(&options, &err);
    assert_non_null(other);
    start(bench, 500);
    desire(bench, "web", 3, "us-east-1a", 1, "");
    char *text = await(bench, "web", "Unknown", "can't be observed");
    /* Nothing is known of its instances: not even that there are none. */
    assert_null(strstr(text, "\"instances\""));
    free(text);
    local_driver.close(other, false);
    expect(bench, "web", "Converged", "");
}

static void test_many(void **state)
{
    struct bench *bench = *state;
    int64_t began = clock_ms();
    char name[16];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "app-%d", i);
        desire(bench, name, i + 1, "us-east-1a", 1, "");
    }
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "app-%d", i);
        expect(bench, name, "Converged", "");
    }
    print_message("50 deployments converged in %d ms\n", (int)(clock_ms() - began));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tombstone_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_launch_event_stops_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leaves_the_zone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
    };
    log_init("test", NULL);
    if (!getenv("MOT_LOG_LEVEL"))
        log_set_level("error");
    cmocka_set_test_filter(getenv("MOT_TEST_FILTER"));
    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
