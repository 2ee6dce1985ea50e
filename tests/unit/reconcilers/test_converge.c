/* The converge decision by examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>

#include "decide/converge.h"

#define NOW  100000
#define WALL 1700000000000

/* What is desired and observed of the one app of an example, as differences from what is usual. */
struct example {
    const char *name;
    bool undesired, tombstone, deleting, elsewhere; /* desired */
    bool absent, removing, other_uid;               /* observed */
    int64_t desired_revision, revision;             /* 0: 5 */
    int replicas, ready, old, stopping;             /* replicas 0: 2 */
    const char *failed;                             /* reason of a failed instance more */
    int64_t progress_ago;
    struct converge_memory memory;
    const char *invalid;
    const char *action; /* "apply", "remove", "" */
    const char *news;   /* the state, "keep" or "none" */
    const char *message;
};

static const struct example examples[] = {
    {"all is well", .ready = 2, .action = "", .news = "Converged", .message = ""},
    {"it is not there", .absent = true, .action = "apply", .news = "Progressing",
     .message = "waiting for the scheduler"},
    {"a new revision", .desired_revision = 6, .ready = 2, .action = "apply", .news = "Progressing",
     .message = "waiting for the scheduler"},
    {"an old one is not pushed on a newer", .desired_revision = 4, .ready = 2, .action = "",
     .news = "Progressing", .message = "the scheduler has a newer revision"},
    {"other replicas", .replicas = 3, .ready = 3, .action = "apply", .news = "Progressing",
     .message = "waiting for the scheduler"},
    {"of another object", .other_uid = true, .ready = 2, .action = "apply", .news = "Progressing",
     .message = "waiting for the scheduler"},
    {"it was being removed", .removing = true, .action = "apply", .news = "Progressing",
     .message = "waiting for the scheduler"},
    {"it starts", .ready = 1, .action = "", .news = "Progressing", .message = "1 of 2 ready"},
    {"it rolls", .ready = 2, .old = 1, .stopping = 1, .action = "", .news = "Progressing",
     .message = "2 of 2 ready, 1 of the old template, 1 stopping"},
    {"it fails in time", .ready = 1, .failed = "CrashLoop", .action = "", .news = "Progressing",
     .message = "1 of 2 ready, 1 failed: CrashLoop: why"},
    {"it failed", .ready = 1, .failed = "CrashLoop", .progress_ago = 700000, .action = "",
     .news = "Failed",
     .message = "no progress within 600 s: 1 of 2 ready, 1 failed: CrashLoop: why"},
    {"it can't but fail", .failed = "NoCommand", .action = "", .news = "Failed",
     .message = "0 of 2 ready, 1 failed: NoCommand: why"},
    {"a call that failed is tried later", .absent = true,
     .memory = {.failures = 1, .retry_at = NOW + 10, .revision = 5, .error = "busy"}, .action = "",
     .news = "Progressing", .message = "busy"},
    {"and then again", .absent = true,
     .memory = {.failures = 1, .retry_at = NOW, .revision = 5, .error = "busy"}, .action = "apply",
     .news = "Progressing", .message = "busy"},
    {"one that was refused failed", .absent = true,
     .memory = {.failures = 1, .refused = true, .retry_at = NOW + 10, .revision = 5, .error = "no"},
     .action = "", .news = "Failed", .message = "no"},
    {"a new revision is tried at once", .absent = true, .desired_revision = 6,
     .memory = {.failures = 9, .refused = true, .retry_at = NOW + 10, .revision = 5, .error = "no"},
     .action = "apply", .news = "Progressing", .message = "waiting for the scheduler"},
    {"being deleted", .deleting = true, .ready = 2, .action = "remove", .news = "Progressing",
     .message = "2 still to be stopped"},
    {"being stopped", .deleting = true, .removing = true, .stopping = 1, .action = "",
     .news = "Progressing", .message = "1 still to be stopped"},
    {"deleted", .deleting = true, .absent = true, .action = "", .news = "Gone", .message = ""},
    {"a tombstone", .tombstone = true, .ready = 2, .action = "remove", .news = "Progressing",
     .message = "2 still to be stopped"},
    {"a tombstone of what is gone", .tombstone = true, .absent = true, .action = "", .news = "none",
     .message = ""},
    {"not for this zone any more", .elsewhere = true, .ready = 2, .action = "remove",
     .news = "Progressing", .message = "2 still to be stopped"},
    {"never for this zone", .elsewhere = true, .absent = true, .action = "", .news = "none",
     .message = ""},
    {"nobody asked for it", .undesired = true, .ready = 2, .action = "", .news = "Unknown",
     .message = "it runs here, and no launch event asks for it"},
    {"unreadable is no tombstone", .tombstone = true, .invalid = "bad JSON", .ready = 2,
     .action = "", .news = "Failed", .message = "bad JSON"},
};

struct scene {
    struct workload workload;
    struct workload_zone zone;
    struct observed_instance instances[8];
    struct observed_app app;
    struct observation observation;
    struct converge_desired desired;
    struct converge_input in;
};

static void add(struct scene *scene, int count, enum instance_phase phase, const char *hash,
                const char *reason)
{
    for (int i = 0; i < count; i++)
        scene->instances[scene->app.instance_count++] =
            (struct observed_instance){.id = "i",
                                       .template_hash = hash,
                                       .phase = phase,
                                       .ready = phase == INSTANCE_RUNNING,
                                       .reason = reason,
                                       .message = *reason ? "why" : ""};
}

static void set(struct scene *scene, const struct example *e)
{
    *scene = (struct scene){0};
    scene->zone = (struct workload_zone){e->elsewhere ? "y" : "z", e->replicas ? e->replicas : 2};
    scene->workload = (struct workload){.ns = "n",
                                        .name = "a",
                                        .uid = "u",
                                        .revision = e->desired_revision ? e->desired_revision : 5,
                                        .generation = 1,
                                        .deleting = e->deleting,
                                        .template_hash = "h",
                                        .zones = &scene->zone,
                                        .zone_count = 1,
                                        .progress_deadline_ms = 600000};
    scene->app = (struct observed_app){.ns = "n",
                                       .name = "a",
                                       .uid = e->other_uid ? "v" : "u",
                                       .revision = e->revision ? e->revision : 5,
                                       .generation = 1,
                                       .template_hash = "h",
                                       .replicas = 2,
                                       .removing = e->removing,
                                       .progress_at = WALL - e->progress_ago,
                                       .instances = scene->instances};
    add(scene, e->ready, INSTANCE_RUNNING, "h", "");
    add(scene, e->old, INSTANCE_RUNNING, "old", "");
    add(scene, e->stopping, INSTANCE_STOPPING, "old", "");
    add(scene, e->failed ? 1 : 0, INSTANCE_FAILED, "h", e->failed ? e->failed : "");
    scene->observation = (struct observation){WALL, &scene->app, e->absent ? 0 : 1};
    scene->desired = (struct converge_desired){.ns = "n",
                                               .name = "a",
                                               .workload = e->tombstone ? NULL : &scene->workload,
                                               .invalid = e->invalid ? e->invalid : "",
                                               .memory = e->memory};
    if (!scene->desired.memory.error)
        scene->desired.memory.error = "";
    scene->in = (struct converge_input){.zone = "z",
                                        .now = NOW,
                                        .wall = WALL,
                                        .desired = &scene->desired,
                                        .desired_count = e->undesired ? 0 : 1,
                                        .observation = &scene->observation,
                                        .observed_at = NOW,
                                        .observe_error = "",
                                        .restored = true,
                                        .unknown_after_ms = 30000,
                                        .removes_max = 10};
}

static const char *action_of(const struct converge_plan *plan)
{
    if (plan->action_count == 0)
        return "";
    return plan->actions[0].kind == CONVERGE_APPLY ? "apply" : "remove";
}

static const char *news_of(const struct converge_report *report)
{
    if (report->news == CONVERGE_KEEP)
        return "keep";
    return report->news == CONVERGE_NONE ? "none" : zone_state_name(report->state);
}

static void test_examples(void **state)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(examples); i++) {
        const struct example *e = &examples[i];
        struct scene scene;
        struct converge_plan plan;
        set(&scene, e);
        converge_decide(&scene.in, arena, &plan);
        assert_int_equal(plan.report_count, 1);
        if (strcmp(action_of(&plan), e->action) != 0 ||
            strcmp(news_of(&plan.reports[0]), e->news) != 0 ||
            strcmp(plan.reports[0].message, e->message) != 0)
            fail_msg("%s: %s, %s, %s", e->name, action_of(&plan), news_of(&plan.reports[0]),
                     plan.reports[0].message);
    }
    arena_free(arena);
}

static void test_unobserved(void **state)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct scene scene;
    struct converge_plan plan;
    (void)state;
    set(&scene, &(struct example){.ready = 2, .desired_revision = 9});
    scene.in.observation = NULL;
    scene.in.observe_error = "connection refused";
    scene.in.observed_at = NOW - 29999;
    converge_decide(&scene.in, arena, &plan);
    assert_int_equal(plan.action_count, 0);
    assert_string_equal(news_of(&plan.reports[0]), "keep");
    assert_int_equal(plan.next_look, NOW + 1);
    scene.in.observed_at = NOW - 30000;
    converge_decide(&scene.in, arena, &plan);
    assert_string_equal(news_of(&plan.reports[0]), "Unknown");
    assert_string_equal(plan.reports[0].message, "the zone can't be observed: connection refused");
    arena_free(arena);
}

static void test_cap(void **state)
{
    static const int64_t removed[] = {NOW - 70000, NOW - 50000, NOW - 40000};
    struct arena *arena = arena_new((size_t)1 << 20);
    struct scene scene;
    struct converge_plan plan;
    (void)state;
    set(&scene, &(struct example){.ready = 2, .deleting = true});
    scene.in.removed_at = removed;
    scene.in.removed_count = 3;
    scene.in.removes_max = 3;
    converge_decide(&scene.in, arena, &plan);
    assert_int_equal(plan.action_count, 1);
    scene.in.removes_max = 2;
    converge_decide(&scene.in, arena, &plan);
    assert_int_equal(plan.action_count, 0);
    assert_int_equal(plan.next_look, NOW + 10000);
    arena_free(arena);
}

static void test_remember(void **state)
{
    struct converge_memory memory = {.error = ""};
    (void)state;
    converge_remember(&memory, NOW, 5, ERR_TRANSIENT, "busy");
    assert_int_equal(memory.failures, 1);
    assert_int_equal(memory.retry_at, NOW + 500);
    assert_false(memory.refused);
    converge_remember(&memory, NOW, 5, ERR_INVALID, "no");
    assert_int_equal(memory.failures, 2);
    assert_true(memory.refused);
    assert_int_equal(memory.retry_at, NOW + 300000);
    for (int i = 0; i < 100; i++)
        converge_remember(&memory, NOW, 5, ERR_TIMEOUT, "slow");
    assert_int_equal(memory.retry_at, NOW + 60000);
    converge_remember(&memory, NOW, 6, ERR_TIMEOUT, "slow");
    assert_int_equal(memory.failures, 1);
    converge_remember(&memory, NOW, 6, ERR_NONE, NULL);
    assert_int_equal(memory.failures, 0);
    assert_string_equal(memory.error, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples),
                                       cmocka_unit_test(test_unobserved),
                                       cmocka_unit_test(test_cap), cmocka_unit_test(test_remember)};
    return cmocka_run_group_tests_name("converge", tests, NULL, NULL);
}
