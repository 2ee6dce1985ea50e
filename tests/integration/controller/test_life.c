/* The archive, the lease and the regions' life, with real servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "rig.h"

#define DEPLOYMENTS "deployments.mot.dev"
#define PARTS       "regionaldeployments.mot.dev"
#define INSTANCES   "instances.mot.dev"
#define REGIONS     "regions.mot.dev"

static const struct region_options lively = {.answers = true, .heartbeat_ms = 300};

/* ------------------------------------------------------------------------------------------ the
 * archive */

static void say_instance(struct rig *rig, int which, struct bus_producer *producer, int i, int n)
{
    AUTO_FREE char *key = mem_printf(RIG_NS "/i%d-%d", which, i);
    AUTO_FREE char *value = mem_printf(
        "{\"namespace\":\"" RIG_NS
        "\",\"name\":\"i%d-%d\",\"deployment\":\"web\",\"region\":\"%s\","
        "\"zone\":\"z\",\"driver\":\"local\",\"phase\":\"Running\",\"ready\":true,\"restarts\":%d}",
        which, i, rig->regions[which], n);
    /* Every seventh of them goes. */
    rig_produce(rig, which, producer, TOPIC_INSTANCE_STATE, key, n % 7 == 6 ? NULL : value);
}

static void say_all(struct rig *rig, int64_t epoch)
{
    struct bus_producer *producer = rig_producer(rig, STAGE, epoch);
    for (int n = 0; n < 5; n++) {
        for (int i = 0; i < 20; i++)
            say_instance(rig, STAGE, producer, i, n);
    }
    bus_producer_close(producer, 5000);
}

static void await_quiet(struct rig *rig)
{
    for (int64_t revision = -1; revision != rig_revision(rig);) {
        revision = rig_revision(rig);
        clock_sleep_ms(1500);
    }
}

/* What a region says late of a namespace that is gone is left out, and keeps nobody from being
 * heard. */
static void instances_need_a_namespace(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "homeless");
    struct process controller = rig_start(&rig, NULL);
    struct bus_producer *producer = rig_producer(&rig, STAGE, 7);
    for (int i = 0; i < 20; i++) {
        AUTO_FREE char *key = mem_printf("nowhere/i%d", i);
        AUTO_FREE char *value =
            mem_printf("{\"namespace\":\"nowhere\",\"name\":\"i%d\",\"deployment\":\"web\","
                       "\"region\":\"%s\",\"zone\":\"z\",\"phase\":\"Running\"}",
                       i, rig.regions[STAGE]);
        rig_produce(&rig, STAGE, producer, TOPIC_INSTANCE_STATE, key, value);
        say_instance(&rig, STAGE, producer, i, 0);
    }
    bus_producer_close(producer, 5000);
    rig_await_count(&rig, INSTANCES, 20);
    await_quiet(&rig);
    assert_int_equal(rig_count(&rig, INSTANCES), 20);
    assert_null(rig_get(&rig, INSTANCES, "nowhere", "i0"));
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

/* The very records again, and older ones behind newer ones: not one entry in the change log. */
static void replays_change_nothing(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "replay");
    struct process controller = rig_start(&rig, NULL);
    say_all(&rig, 7);
    rig_await_count(&rig, INSTANCES, 20);
    await_quiet(&rig);
    int64_t revision = rig_revision(&rig);
    say_all(&rig, 7);
    say_all(&rig, 6);
    clock_sleep_ms(1500);
    assert_int_equal(rig_revision(&rig), revision);
    /* A region that begins anew and says the same: nothing either. */
    struct bus_producer *producer = rig_producer(&rig, STAGE, 8);
    for (int i = 0; i < 20; i++)
        say_instance(&rig, STAGE, producer, i, 4);
    bus_producer_close(producer, 5000);
    clock_sleep_ms(1500);
    assert_int_equal(rig_revision(&rig), revision);
    rig_kill(&controller);
    controller = rig_start(&rig, NULL);
    rig_await_log(&controller, "leading");
    await_quiet(&rig);
    assert_int_equal(rig_revision(&rig), revision);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

static char *instance_text(struct rig *rig, int which, int i)
{
    AUTO_FREE char *name = mem_printf("i%d-%d", which, i);
    json_t *object = rig_get(rig, INSTANCES, RIG_NS, name);
    json_t *metadata = json_object_get(object, "metadata");
    json_object_del(metadata, "uid");
    json_object_del(metadata, "creationTimestamp");
    json_object_del(metadata, "resourceVersion");
    char *text = object ? json_text(object) : mem_strdup("nothing");
    json_decref(object);
    return text;
}

static void await_same(struct rig *a, struct rig *b, int which, int i)
{
    for (int64_t until = clock_ms() + RIG_WAIT_MS;;) {
        AUTO_FREE char *left = instance_text(a, which, i);
        AUTO_FREE char *right = instance_text(b, which, i);
        if (strcmp(left, right) == 0)
            return;
        if (clock_ms() > until)
            fail_msg("%s\ninstead of\n%s", right, left);
        clock_sleep_ms(20);
    }
}

static void await_restarts(struct rig *rig, int which, int i, int restarts)
{
    AUTO_FREE char *name = mem_printf("i%d-%d", which, i);
    for (int64_t until = clock_ms() + RIG_WAIT_MS;;) {
        json_t *object = rig_get(rig, INSTANCES, RIG_NS, name);
        bool done = json_at_int(object, "status.restarts", -1) == restarts;
        json_decref(object);
        if (done)
            return;
        if (clock_ms() > until)
            fail_msg("%s does not come to its end", name);
        clock_sleep_ms(20);
    }
}

/* It is at work: its database has just been written by it. */
static void await_work(struct rig *rig)
{
    int64_t revision = rig_revision(rig);
    for (int64_t until = clock_ms() + 5000;
         rig_revision(rig) < revision + 20 && clock_ms() < until;)
        clock_sleep_ms(1);
}

/* Two databases read the same topics; the controller of one is killed all the time. */
static void killed_under_load(void **state)
{
    (void)state;
    enum { KEYS = 100, ROUNDS = 40, KILL_EVERY = 5 };
    struct rig calm, wild;
    rig_open(&calm, "load");
    rig_open_beside(&wild, &calm, "loadwild");
    struct process undisturbed = rig_start(&calm, NULL);
    struct process controller = rig_start(&wild, NULL);
    struct bus_producer *producers[3] = {0};
    for (int which = FAR; which <= STAGE; which++)
        producers[which] = rig_producer(&calm, which, 1);
    int kills = 0;
    for (int n = 0; n < ROUNDS; n++) {
        for (int i = 0; i < KEYS; i++) {
            say_instance(&calm, FAR, producers[FAR], i, n);
            say_instance(&calm, STAGE, producers[STAGE], i, n);
        }
        clock_sleep_ms(30);
        if (n % KILL_EVERY != KILL_EVERY - 1)
            continue;
        await_work(&wild);
        clock_sleep_ms((int64_t)random_below(20));
        rig_kill(&controller);
        controller = rig_start(&wild, NULL);
        kills++;
    }
    for (int which = FAR; which <= STAGE; which++) {
        bus_producer_close(producers[which], 5000);
        for (int i = 0; i < KEYS; i++)
            await_restarts(&calm, which, i, ROUNDS - 1);
        for (int i = 0; i < KEYS; i++)
            await_same(&calm, &wild, which, i);
    }
    assert_int_equal(rig_count(&calm, INSTANCES), 2 * KEYS);
    assert_int_equal(rig_count(&wild, INSTANCES), 2 * KEYS);
    printf("%d kills; revisions: undisturbed %lld, killed %lld\n", kills,
           (long long)rig_revision(&calm), (long long)rig_revision(&wild));
    assert_int_equal(rig_end(&controller), 0);
    assert_int_equal(rig_end(&undisturbed), 0);
    store_close(wild.store);
    routes_free(wild.routes);
    topology_free(wild.topology);
    free(wild.file);
    free(wild.url);
    rig_close(&calm);
}

/* ------------------------------------------------------------------------------------------ the
 * lease */

static void another_takes_over(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "two");
    struct process first = rig_start(&rig, NULL);
    rig_await_log(&first, "leading");
    struct process second = rig_start(&rig, NULL);
    rig_await_log(&second, "another controller leads");
    struct region *stage = region_start(&rig, STAGE, lively);
    rig_create(&rig, "web", 1U << STAGE);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    int64_t at = clock_ms();
    rig_kill(&first);
    rig_await_log(&second, "leading");
    int64_t leading = clock_ms() - at;
    rig_create(&rig, "next", 1U << STAGE);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "next", "Converged", "True");
    printf("leading %lld ms after the kill, next deployment converged after %lld ms\n",
           (long long)leading, (long long)(clock_ms() - at));
    assert_true(leading < 5000);
    region_stop(stage);
    assert_int_equal(rig_end(&second), 0);
    rig_close(&rig);
}

/* The lease goes with the database: the controller ends soon, and one that is started again goes
 * on. */
static void the_database_restarts(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "outage");
    struct process controller = rig_start(&rig, NULL);
    struct region *stage = region_start(&rig, STAGE, lively);
    rig_create(&rig, "web", 1U << STAGE);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    for (int away = 0; away < 2; away++) {
        int64_t at = clock_ms();
        postgres_stop(rig_postgres, "immediate");
        if (away == 0)
            postgres_resume(rig_postgres);
        int rc = rig_await_end(&controller, 20000);
        printf("ended with %d, %lld ms after the database %s\n", rc, (long long)(clock_ms() - at),
               away ? "went away" : "crashed and came back");
        assert_int_equal(rc, 1);
        controller = rig_start(&rig, NULL);
        if (away) {
            clock_sleep_ms(1000);
            postgres_resume(rig_postgres);
        }
        AUTO_FREE char *name = mem_printf("next%d", away);
        rig_create(&rig, name, 1U << STAGE);
        rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, name, "Converged", "True");
    }
    region_stop(stage);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

/* ------------------------------------------------------------------------------------------
 * regions */

static void a_silent_region_is_unknown(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--stale-after", "3000", NULL};
    struct rig rig;
    rig_open(&rig, "stale");
    struct process controller = rig_start(&rig, arguments);
    struct region *stage = region_start(&rig, STAGE, lively);
    struct region *far = region_start(&rig, FAR, lively);
    rig_create(&rig, "web", 1U << STAGE | 1U << FAR);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    region_set(stage, (struct region_options){.answers = true});
    rig_await_condition(&rig, REGIONS, "", rig.regions[STAGE], "Ready", "Unknown");
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "Unknown");
    /* That it is silent is no news as time goes by: only the other's heartbeats are written. */
    int64_t revision = rig_revision(&rig);
    clock_sleep_ms(5000);
    assert_true(rig_revision(&rig) - revision <= 8);
    region_set(stage, lively);
    rig_await_condition(&rig, REGIONS, "", rig.regions[STAGE], "Ready", "True");
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    region_stop(stage);
    region_stop(far);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

static void cordon(json_t *region, const void *context)
{
    (void)context;
    json_put(region, "metadata.labels.tier", json_string("gold"));
    json_put(region, "spec.unschedulable", json_true());
}

static void users_settings_stay(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "labels");
    struct process controller = rig_start(&rig, NULL);
    rig_await(&rig, REGIONS, "", rig.regions[STAGE], NULL, true);
    rig_await_condition(&rig, REGIONS, "", rig.regions[STAGE], "Ready", "Unknown");
    rig_update(&rig, REGIONS, "", rig.regions[STAGE], cordon, NULL);
    assert_int_equal(rig_end(&controller), 0);
    int64_t revision = rig_revision(&rig);
    controller = rig_start(&rig, NULL);
    rig_await_log(&controller, "leading");
    clock_sleep_ms(500);
    json_t *region = rig_get(&rig, REGIONS, "", rig.regions[STAGE]);
    assert_string_equal(json_at_text(region, "metadata.labels.tier"), "gold");
    assert_string_equal(json_at_text(region, "metadata.labels.appenv"), "stage");
    assert_true(json_at_bool(region, "spec.unschedulable", false));
    json_decref(region);
    /* A restart writes nothing that is there. */
    assert_int_equal(rig_revision(&rig), revision);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

/* A region's cluster is away: its collector waits, the others work, and the end is quick. */
static void a_cluster_is_away(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "away");
    kafka_kill(rig_brokers[1]);
    struct process controller = rig_start(&rig, NULL);
    struct region *stage = region_start(&rig, STAGE, lively);
    rig_create(&rig, "web", 1U << STAGE | 1U << FAR);
    AUTO_FREE char *part = mem_printf("web.%s", rig.regions[STAGE]);
    rig_await(&rig, PARTS, RIG_NS, part, "status.state", true);
    clock_sleep_ms(8000);
    int complaints = rig_logged(&controller, "level=warn");
    printf("%d warnings in 8 s of a cluster that is away\n", complaints);
    assert_true(complaints <= 4);
    int64_t at = clock_ms();
    assert_int_equal(rig_end(&controller), 0);
    printf("ends in %lld ms meanwhile\n", (long long)(clock_ms() - at));
    assert_true(clock_ms() - at < 8000);
    controller = rig_start(&rig, NULL);
    rig_await_log(&controller, "leading");
    kafka_begin(rig_brokers[1]);
    kafka_await(rig_brokers[1]);
    struct region *far = region_start(&rig, FAR, lively);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    region_stop(far);
    region_stop(stage);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

/* ------------------------------------------------------------------------------------------
 * history */

static int ignore(void *context, const struct store_change *change, struct err *err)
{
    (void)context;
    (void)change;
    (void)err;
    return 0;
}

static bool is_gone(struct rig *rig, int64_t after)
{
    struct err err = {0};
    int64_t until;
    int rc = store_changes(rig->store, NULL, after, 0, 1, &until, ignore, NULL, &err);
    assert_true(rc == 0 || err.code == ERR_GONE);
    return rc != 0;
}

static void history_is_compacted(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--history-max-age", "1s", NULL};
    struct rig rig;
    rig_open(&rig, "history");
    struct process controller = rig_start(&rig, arguments);
    struct region *stage = region_start(&rig, STAGE, lively);
    rig_create(&rig, "web", 1U << STAGE);
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    int64_t revision = rig_revision(&rig);
    for (int64_t until = clock_ms() + RIG_WAIT_MS; !is_gone(&rig, revision - 1);) {
        assert_true(clock_ms() < until);
        clock_sleep_ms(100);
    }
    assert_false(is_gone(&rig, rig_revision(&rig)));
    rig_update(&rig, DEPLOYMENTS, RIG_NS, "web", rig_set_image, "img:2");
    rig_await_condition(&rig, DEPLOYMENTS, RIG_NS, "web", "Converged", "True");
    rig_kill(&controller);
    rig_update(&rig, DEPLOYMENTS, RIG_NS, "web", rig_set_image, "img:3");
    int launches = region_launches(stage, RIG_NS "/web");
    clock_sleep_ms(1500);
    controller = rig_start(&rig, arguments);
    for (int64_t until = clock_ms() + RIG_WAIT_MS;
         region_launches(stage, RIG_NS "/web") == launches;) {
        assert_true(clock_ms() < until);
        clock_sleep_ms(20);
    }
    region_stop(stage);
    assert_int_equal(rig_end(&controller), 0);
    rig_close(&rig);
}

int main(int argc, char **argv)
{
    rig_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replays_change_nothing),     cmocka_unit_test(killed_under_load),
        cmocka_unit_test(another_takes_over),         cmocka_unit_test(a_silent_region_is_unknown),
        cmocka_unit_test(users_settings_stay),        cmocka_unit_test(history_is_compacted),
        cmocka_unit_test(the_database_restarts),      cmocka_unit_test(a_cluster_is_away),
        cmocka_unit_test(instances_need_a_namespace),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, rig_servers_start, rig_servers_stop);
}
