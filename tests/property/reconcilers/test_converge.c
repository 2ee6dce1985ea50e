/*
 * The converge decision against a simulated scheduler that refuses, forgets and can't be seen at
 * times. Whatever happens:
 *
 *     nothing is removed that nobody asked to remove; no more are removed in a minute than allowed;
 *     what can't be observed is not acted upon, and never Converged after the bound;
 *     the same input gives the same plan; and once all goes well everything is as desired, and
 * nothing more is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "decide/converge.h"
#include "lib/tape.h"

#define APPS    6
#define REMOVES 2

static const char *const names[APPS] = {"a", "b", "c", "d", "e", "f"};

struct world {
    struct tape *tape;
    int64_t now, observed_at;
    struct workload workloads[APPS];
    struct workload_zone zones[APPS];
    bool told[APPS], tombstone[APPS]; /* is anything desired, and what */
    struct converge_memory memory[APPS];
    struct observed_app apps[APPS];
    struct observed_instance instances[APPS];
    bool there[APPS];
    int64_t removed_at[REMOVES * 400];
    size_t removed;
    bool kind;
    const char *broken;
};

static void broken(struct world *world, const char *law)
{
    if (!world->broken)
        world->broken = law;
}

static void desire(struct world *world, size_t i)
{
    static const char *const hashes[] = {"h1", "h2"};
    struct workload *workload = &world->workloads[i];
    world->told[i] = true;
    world->tombstone[i] = tape_below(world->tape, 6) == 5;
    world->zones[i] = (struct workload_zone){
        .name = tape_below(world->tape, 6) == 5 ? "elsewhere" : "z", .replicas = 1};
    *workload = (struct workload){.ns = "n",
                                  .name = names[i],
                                  .uid = "u",
                                  .revision = workload->revision + 1,
                                  .generation = workload->revision + 1,
                                  .deleting = tape_below(world->tape, 4) == 3,
                                  .template_hash = tape_pick(world->tape, hashes, 2),
                                  .zones = &world->zones[i],
                                  .zone_count = 1,
                                  .progress_deadline_ms = 1000};
}

static bool wanted(const struct world *world, size_t i)
{
    return world->told[i] && !world->tombstone[i] && !world->workloads[i].deleting &&
           strcmp(world->zones[i].name, "z") == 0;
}

/* An instance is ready some time after it was applied, and gone some time after it was removed. */
static void live(struct world *world)
{
    for (size_t i = 0; i < APPS; i++) {
        if (!world->there[i] || (!world->kind && tape_bool(world->tape)))
            continue;
        if (world->apps[i].removing)
            world->there[i] = false;
        world->instances[i].ready = true;
        world->instances[i].phase = INSTANCE_RUNNING;
        world->instances[i].template_hash = world->apps[i].template_hash;
    }
}

static enum err_code call(struct world *world, size_t i, const struct converge_action *action)
{
    const struct workload *workload = &world->workloads[i];
    if (!world->kind && tape_below(world->tape, 4) == 3)
        return tape_bool(world->tape) ? ERR_INVALID : ERR_TRANSIENT;
    if (action->kind == CONVERGE_REMOVE) {
        world->apps[i].removing = true;
        return ERR_NONE;
    }
    world->there[i] = true;
    world->instances[i] = (struct observed_instance){.id = names[i],
                                                     .template_hash = "",
                                                     .phase = INSTANCE_STARTING,
                                                     .reason = "",
                                                     .message = ""};
    world->apps[i] = (struct observed_app){.ns = "n",
                                           .name = names[i],
                                           .uid = workload->uid,
                                           .revision = workload->revision,
                                           .generation = workload->generation,
                                           .template_hash = workload->template_hash,
                                           .replicas = action->replicas,
                                           .progress_at = world->now,
                                           .instances = &world->instances[i],
                                           .instance_count = 1};
    return ERR_NONE;
}

struct view {
    struct converge_desired desired[APPS];
    size_t who[APPS];
    struct observed_app apps[APPS];
    struct observation observation;
    struct converge_input in;
};

static void look(struct world *world, struct view *view, bool seen)
{
    *view = (struct view){.observation = {.observed_at = world->now, .apps = view->apps}};
    size_t count = 0;
    for (size_t i = 0; i < APPS; i++) {
        if (world->there[i])
            view->apps[view->observation.app_count++] = world->apps[i];
        if (!world->told[i])
            continue;
        view->who[count] = i;
        view->desired[count++] =
            (struct converge_desired){.ns = "n",
                                      .name = names[i],
                                      .invalid = "",
                                      .workload = world->tombstone[i] ? NULL : &world->workloads[i],
                                      .memory = world->memory[i]};
    }
    if (seen)
        world->observed_at = world->now;
    view->in = (struct converge_input){.zone = "z",
                                       .now = world->now,
                                       .wall = world->now,
                                       .desired = view->desired,
                                       .desired_count = count,
                                       .observation = seen ? &view->observation : NULL,
                                       .observed_at = world->observed_at,
                                       .observe_error = seen ? "" : "away",
                                       .restored = true,
                                       .unknown_after_ms = 500,
                                       .removes_max = REMOVES,
                                       .removed_at = world->removed_at,
                                       .removed_count = world->removed};
}

static void check_same(struct world *world, const struct view *view,
                       const struct converge_plan *plan, struct arena *arena)
{
    struct converge_plan again;
    converge_decide(&view->in, arena, &again);
    if (again.action_count != plan->action_count || again.report_count != plan->report_count ||
        again.next_look != plan->next_look)
        broken(world, "the same input gives another plan");
    for (size_t i = 0; i < plan->report_count && i < again.report_count; i++) {
        if (plan->reports[i].state != again.reports[i].state ||
            strcmp(plan->reports[i].message, again.reports[i].message) != 0)
            broken(world, "the same input gives another report");
    }
}

static void check_reports(struct world *world, const struct view *view,
                          const struct converge_plan *plan)
{
    for (size_t i = 0; i < plan->report_count; i++) {
        const struct converge_report *report = &plan->reports[i];
        if (report->news == CONVERGE_REPORT && !view->in.observation &&
            report->state != ZONE_UNKNOWN)
            broken(world, "a state of what can't be observed");
        if (report->news == CONVERGE_KEEP && world->now - world->observed_at >= 500)
            broken(world, "what can't be observed stays green");
        if (report->state == ZONE_CONVERGED &&
            (!report->observed || report->observed->revision != report->workload->revision))
            broken(world, "converged on another revision");
        if (report->state == ZONE_GONE && report->observed)
            broken(world, "gone, and still there");
    }
}

static size_t recent_removes(const struct world *world)
{
    size_t count = 0;
    for (size_t i = 0; i < world->removed; i++)
        count += world->removed_at[i] > world->now - CONVERGE_WINDOW_MS;
    return count;
}

static size_t turn(struct world *world, bool seen)
{
    struct view view;
    struct converge_plan plan;
    struct arena *arena = arena_new((size_t)1 << 20);
    look(world, &view, seen);
    converge_decide(&view.in, arena, &plan);
    check_same(world, &view, &plan, arena);
    check_reports(world, &view, &plan);
    if (!seen && plan.action_count > 0)
        broken(world, "acted without seeing");
    if (plan.next_look <= world->now)
        broken(world, "the next look is in the past");
    for (size_t i = 0; i < plan.action_count; i++) {
        size_t who = view.who[plan.actions[i].desired];
        if (plan.actions[i].kind == CONVERGE_REMOVE && wanted(world, who))
            broken(world, "removed what is wanted");
        if (plan.actions[i].kind == CONVERGE_APPLY && !wanted(world, who))
            broken(world, "applied what is not wanted");
        if (plan.actions[i].kind == CONVERGE_REMOVE)
            world->removed_at[world->removed++] = world->now;
        enum err_code code = call(world, who, &plan.actions[i]);
        converge_remember(&world->memory[who], world->now,
                          world->tombstone[who] ? 0 : world->workloads[who].revision, code, "no");
    }
    if (recent_removes(world) > REMOVES)
        broken(world, "more removes than allowed");
    size_t actions = plan.action_count;
    arena_free(arena);
    return actions;
}

static void check_end(struct world *world)
{
    for (size_t i = 0; i < APPS; i++) {
        if (!world->told[i])
            continue;
        if (world->there[i] != wanted(world, i))
            broken(world, wanted(world, i) ? "what is wanted is not there"
                                           : "what was to be removed is there");
        else if (world->there[i] && world->apps[i].revision != world->workloads[i].revision)
            broken(world, "an old revision is left");
    }
}

static int keeps_the_laws(struct tape *tape)
{
    static const int64_t steps[] = {1, 50, 260, 20000};
    struct world world = {.tape = tape, .now = 1000, .observed_at = 1000};
    for (size_t i = 0; i < APPS; i++)
        world.memory[i].error = "";
    for (int i = 0; i < 30; i++) {
        if (tape_bool(tape))
            desire(&world, tape_below(tape, APPS));
        turn(&world, tape_below(tape, 4) != 3);
        live(&world);
        world.now += steps[tape_below(tape, 4)];
    }
    world.kind = true;
    size_t actions = 1;
    for (int i = 0; i < 40; i++) {
        actions = turn(&world, true);
        live(&world);
        world.now += 30000;
    }
    if (actions > 0)
        broken(&world, "it never ends");
    check_end(&world);
    if (world.broken)
        printf("%s\n", world.broken);
    return world.broken ? -1 : 0;
}

static void test_laws(void **state)
{
    (void)state;
    assert_int_equal(tape_run("converge", keeps_the_laws, 5000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_laws)};
    return cmocka_run_group_tests_name("converge", tests, NULL, NULL);
}
