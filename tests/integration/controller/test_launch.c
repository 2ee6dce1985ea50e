/* What a controller publishes, with real servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "rig.h"

#define DEPLOYMENTS "deployments.mot.dev"
#define PARTS       "regionaldeployments.mot.dev"
#define MANY        250 /* deployments; each is changed MANY_ROUNDS times */
#define MANY_ROUNDS 4

static const struct region_options lively = {.answers = true, .heartbeat_ms = 300};

static void await_launches(struct region *region, const char *key, int count)
{
    for (int64_t until = clock_ms() + RIG_WAIT_MS; region_launches(region, key) < count;) {
        if (clock_ms() > until)
            fail_msg("%d launches instead of %d", region_launches(region, key), count);
        clock_sleep_ms(5);
    }
}

static void await_tombstones(struct region *region, const char *key, int count)
{
    for (int64_t until = clock_ms() + RIG_WAIT_MS; region_tombstones(region, key) < count;) {
        if (clock_ms() > until)
            fail_msg("%d tombstones instead of %d", region_tombstones(region, key), count);
        clock_sleep_ms(5);
    }
}

static void await_marker(struct region *region, int count)
{
    for (int64_t until = clock_ms() + RIG_WAIT_MS; region_markers(region) < count;) {
        if (clock_ms() > until)
            fail_msg("no marker");
        clock_sleep_ms(5);
    }
}

/* One record per change of a spec; statuses, instances and heartbeats lead to none. */
static void published_once(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "once");
    struct process controller = rig_start(&rig, NULL);
    struct region *far = region_start(&rig, FAR, lively);
    struct region *stage = region_start(&rig, STAGE, lively);
    rig_create(&rig, "web", 1U << FAR | 1U << STAGE);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    rig_update(&rig, DEPLOYMENTS, RIG_NS, "web", rig_set_image, "img:2");
    await_launches(far, RIG_NS "/web", 2);
    await_launches(stage, RIG_NS "/web", 2);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    clock_sleep_ms(2000);
    assert_int_equal(region_launches(far, NULL), 2);
    assert_int_equal(region_launches(stage, NULL), 2);
    assert_int_equal(region_reordered(far) + region_reordered(stage), 0);
    region_stop(far);
    region_stop(stage);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

static void change_all(struct rig *rig, int round)
{
    char image[32], name[32];
    snprintf(image, sizeof(image), "img:%d", round + 2);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        rig_update(rig, DEPLOYMENTS, RIG_NS, name, rig_set_image, image);
    }
}

static bool is_published(struct rig *rig, struct region *region)
{
    for (int i = 0; i < MANY; i++) {
        AUTO_FREE char *key = mem_printf(RIG_NS "/m%d", i);
        AUTO_FREE char *name = mem_printf("m%d.%s", i, rig->regions[STAGE]);
        json_t *part = rig_get(rig, PARTS, RIG_NS, name);
        json_t *container = json_array_get(json_at(part, "spec.template.spec.containers"), 0);
        const char *image = json_at_text(container, "image");
        bool done = image && strcmp(image, "img:5") == 0 &&
                    region_last(region, key) >= object_generation(part);
        json_decref(part);
        if (!done)
            return false;
    }
    return true;
}

/* 1000 changes, and a controller that is killed four times meanwhile. */
static void killed_in_the_middle(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "killed");
    struct process controller = rig_start(&rig, NULL);
    struct region *stage = region_start(&rig, STAGE, (struct region_options){0});
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof(name), "m%d", i);
        rig_create(&rig, name, 1U << STAGE);
    }
    for (int round = 0; round < MANY_ROUNDS; round++) {
        rig_kill(&controller);
        controller = rig_start(&rig, NULL);
        change_all(&rig, round);
    }
    int64_t until = clock_ms() + RIG_WAIT_MS;
    while (!is_published(&rig, stage)) {
        assert_true(clock_ms() < until);
        clock_sleep_ms(50);
    }
    /* The newest of each key is there; what came twice came with the same revision. */
    printf("%d launch records for %d changes; reordered: %d\n", region_launches(stage, NULL),
           MANY * (MANY_ROUNDS + 1), region_reordered(stage));
    region_stop(stage);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

static void deleted(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "deleted");
    struct process controller = rig_start(&rig, NULL);
    struct region *far = region_start(&rig, FAR, lively);
    struct region *stage = region_start(&rig, STAGE, lively);
    rig_create(&rig, "web", 1U << FAR | 1U << STAGE);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    region_set(stage, (struct region_options){.heartbeat_ms = 300});
    rig_delete(&rig, "web");
    await_tombstones(far, RIG_NS "/web", 1);
    await_launches(stage, RIG_NS "/web", 2);
    /* It stays as long as a region has not answered. */
    clock_sleep_ms(500);
    rig_await(&rig, DEPLOYMENTS, RIG_NS, "web", "metadata.deletionTimestamp", true);
    region_stop(stage);
    stage = region_start(&rig, STAGE, lively);
    rig_await(&rig, DEPLOYMENTS, RIG_NS, "web", NULL, false);
    await_tombstones(stage, RIG_NS "/web", 1);
    assert_int_equal(rig_count(&rig, PARTS), 0);
    region_stop(far);
    region_stop(stage);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

static void unknown_is_answered(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "unknown");
    struct process controller = rig_start(&rig, NULL);
    struct region *stage = region_start(&rig, STAGE, lively);
    struct bus_producer *producer = rig_producer(&rig, STAGE, 1);
    rig_produce(&rig, STAGE, producer, TOPIC_DEPLOYMENT_STATE, RIG_NS "/ghost",
                "{\"uid\":\"nobody\",\"generation\":1,\"state\":\"Converged\",\"gone\":false}");
    rig_produce(&rig, STAGE, producer, TOPIC_DEPLOYMENT_STATE, RIG_NS "/gone",
                "{\"uid\":\"nobody\",\"generation\":1,\"state\":\"Gone\",\"gone\":true}");
    await_tombstones(stage, RIG_NS "/ghost", 1);
    clock_sleep_ms(300);
    assert_int_equal(region_tombstones(stage, NULL), 1);
    bus_producer_close(producer, 1000);
    region_stop(stage);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

/* Killed again and again while it answers: no answer is lost. */
static void unknown_is_answered_after_kills(void **state)
{
    (void)state;
    enum { GHOSTS = 60 };
    struct rig rig;
    rig_open(&rig, "ghosts");
    struct process controller = rig_start(&rig, NULL);
    struct region *stage = region_start(&rig, STAGE, lively);
    struct bus_producer *producer = rig_producer(&rig, STAGE, 1);
    for (int i = 0; i < GHOSTS; i++) {
        AUTO_FREE char *key = mem_printf(RIG_NS "/ghost%d", i);
        rig_produce(&rig, STAGE, producer, TOPIC_DEPLOYMENT_STATE, key,
                    "{\"uid\":\"nobody\",\"generation\":1,\"state\":\"Converged\",\"gone\":false}");
        if (i % 20 != 10)
            continue;
        clock_sleep_ms(30);
        rig_kill(&controller);
        controller = rig_start(&rig, NULL);
        rig_await_log(&controller, "leading");
    }
    for (int i = 0; i < GHOSTS; i++) {
        AUTO_FREE char *key = mem_printf(RIG_NS "/ghost%d", i);
        await_tombstones(stage, key, 1);
    }
    bus_producer_close(producer, 1000);
    region_stop(stage);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

/* At rest: markers, heartbeats and statuses must not keep each other going. */
static void rests(void **state)
{
    (void)state;
    enum { SECONDS = 20 };
    struct rig rig;
    rig_open(&rig, "rest");
    struct process controller = rig_start(&rig, NULL);
    struct region *regions[3];
    for (int i = 0; i < 3; i++)
        regions[i] = region_start(&rig, i, lively);
    rig_create(&rig, "web", 7);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    int markers = region_markers(regions[STAGE]);
    rig_update(&rig, DEPLOYMENTS, RIG_NS, "web", rig_set_image, "img:2");
    await_marker(regions[STAGE], markers + 1);
    clock_sleep_ms(12000); /* the marker for what was none of a spec */
    markers = region_markers(regions[STAGE]);
    int64_t revision = rig_revision(&rig), cpu = rig_cpu_us(&controller);
    clock_sleep_ms(SECONDS * 1000);
    double per_minute = (double)(rig_revision(&rig) - revision) * 60 / SECONDS / 3;
    printf("at rest: %.1f change log entries per minute and region, %d markers, %.1f ms CPU/s\n",
           per_minute, region_markers(regions[STAGE]) - markers,
           (double)(rig_cpu_us(&controller) - cpu) / 1000 / SECONDS);
    assert_true(per_minute <= 9);
    assert_int_equal(region_markers(regions[STAGE]), markers);
    for (int i = 0; i < 3; i++)
        region_stop(regions[i]);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

/* The last one: it wipes central's cluster. */
static void wiped_is_refilled(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "wiped");
    struct process controller = rig_start(&rig, NULL);
    struct region *stage = region_start(&rig, STAGE, (struct region_options){0});
    for (int i = 0; i < 30; i++) {
        AUTO_FREE char *name = mem_printf("w%d", i);
        rig_create(&rig, name, 1U << STAGE);
    }
    await_launches(stage, NULL, 30);
    await_marker(stage, 1);
    region_stop(stage);
    for (int running = 1; running >= 0; running--) {
        if (!running)
            rig_kill(&controller);
        kafka_wipe(rig_brokers[0]);
        kafka_begin(rig_brokers[0]);
        kafka_await(rig_brokers[0]);
        rig_create_topics(&rig);
        if (!running)
            controller = rig_start(&rig, NULL);
        int64_t at = clock_ms();
        stage = region_start(&rig, STAGE, (struct region_options){0});
        await_launches(stage, NULL, 30);
        printf("refilled %lld ms after the cluster was back (controller %s)\n",
               (long long)(clock_ms() - at), running ? "kept running" : "started anew");
        region_stop(stage);
    }
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

int main(int argc, char **argv)
{
    rig_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_once),
        cmocka_unit_test(killed_in_the_middle),
        cmocka_unit_test(deleted),
        cmocka_unit_test(unknown_is_answered),
        cmocka_unit_test(unknown_is_answered_after_kills),
        cmocka_unit_test(rests),
        cmocka_unit_test(wiped_is_refilled),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, rig_servers_start, rig_servers_stop);
}
