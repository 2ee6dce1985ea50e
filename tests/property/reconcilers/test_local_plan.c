/*
 * The local scheduler's plan against a simulated world: instances become ready late or never,
 * crash, take their time to stop; meanwhile templates and replicas change. Whatever happens:
 *
 *     no action takes the available below the floor; no action makes more exist than the ceiling;
 *     the same input gives the same plan; done means that nothing is to be done;
 *     a look is announced for a time to come; and in a kind world it ends as it was asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/arena.h>

#include "drivers/local/plan.h"
#include "lib/tape.h"

#define WORLD_MAX  64
#define ROUNDS     24
#define KIND_LIMIT 4000

struct creature {
    struct plan_instance seen;
    int template;
    int64_t ready_at; /* PLAN_NEVER: never */
    int64_t crash_at; /* PLAN_NEVER: never */
    int64_t gone_at;  /* once stopping */
};

struct world {
    struct tape *tape;
    struct plan_input in;
    struct creature creatures[WORLD_MAX];
    struct plan_instance items[WORLD_MAX];
    size_t count;
    int template;
    bool kind;
    const char *broken;
};

static void broken(struct world *world, const char *law)
{
    if (!world->broken)
        world->broken = law;
}

static bool is_available(const struct plan_input *in, const struct plan_instance *one)
{
    return one->state == PLAN_UP && one->ready && in->now - one->ready_since >= in->min_ready_ms;
}

static int64_t delay(struct world *world, size_t max)
{
    return (int64_t)tape_below(world->tape, max);
}

static void run(struct world *world, struct creature *one)
{
    one->seen.state = PLAN_UP;
    one->seen.ready = false;
    one->ready_at = world->in.now + 1 + delay(world, 50);
    one->crash_at = PLAN_NEVER;
    if (world->kind)
        return;
    if (tape_below(world->tape, 4) == 3)
        one->ready_at = PLAN_NEVER;
    if (tape_below(world->tape, 4) == 3)
        one->crash_at = world->in.now + 1 + delay(world, 100);
}

static void fall(struct world *world, struct creature *one)
{
    one->seen.state = PLAN_DOWN;
    one->seen.ready = false;
    one->seen.retry_at = world->in.now + delay(world, 30);
    if (!world->kind && tape_below(world->tape, 8) == 7)
        one->seen.retry_at = PLAN_NEVER;
}

static void pass_time(struct world *world, int64_t step)
{
    world->in.now += step;
    for (size_t i = world->count; i-- > 0;) {
        struct creature *one = &world->creatures[i];
        if (one->seen.state == PLAN_STOPPING && one->gone_at <= world->in.now) {
            *one = world->creatures[--world->count];
            world->in.progress_at = world->in.now;
        } else if (one->seen.state == PLAN_UP && one->crash_at <= world->in.now) {
            fall(world, one);
        } else if (one->seen.state == PLAN_UP && !one->seen.ready &&
                   one->ready_at <= world->in.now) {
            one->seen.ready = true;
            one->seen.ready_since = world->in.now;
        }
    }
}

static void observe(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        world->items[i] = world->creatures[i].seen;
        world->items[i].updated = world->creatures[i].template == world->template;
    }
    world->in.instances = world->items;
    world->in.count = world->count;
}

static int available_of(const struct plan_input *in)
{
    int available = 0;
    for (size_t i = 0; i < in->count; i++)
        available += is_available(in, &in->instances[i]);
    return available;
}

static void check_budgets(struct world *world, const struct plan *plan)
{
    const struct plan_input *in = &world->in;
    int unavailable = int_or_percent_of(in->max_unavailable, in->replicas, false);
    int surge = int_or_percent_of(in->max_surge, in->replicas, true);
    if (unavailable == 0 && surge == 0)
        unavailable = 1;
    int available = available_of(in), existing = (int)in->count;
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_action *action = &plan->actions[i];
        if (action->kind == PLAN_START && ++existing > in->replicas + surge)
            broken(world, "more exist than the ceiling allows");
        if (action->kind == PLAN_STOP && is_available(in, &in->instances[action->instance]) &&
            --available < in->replicas - unavailable)
            broken(world, "fewer are available than the floor allows");
        if (action->kind == PLAN_STOP && in->instances[action->instance].state == PLAN_STOPPING)
            broken(world, "stopped twice");
        if (action->kind == PLAN_RESTART && in->instances[action->instance].state != PLAN_DOWN)
            broken(world, "restarted what is not down");
    }
}

static void check_plan(struct world *world, const struct plan *plan, struct arena *arena)
{
    struct plan again;
    plan_decide(&world->in, arena, &again);
    if (again.count != plan->count || again.done != plan->done ||
        again.next_look != plan->next_look)
        broken(world, "the same input gives another plan");
    for (size_t i = 0; i < plan->count && i < again.count; i++) {
        if (plan->actions[i].kind != again.actions[i].kind ||
            plan->actions[i].instance != again.actions[i].instance)
            broken(world, "the same input gives other actions");
        if (!plan->actions[i].why || !*plan->actions[i].why)
            broken(world, "an action without a reason");
    }
    if (plan->done && plan->count > 0)
        broken(world, "done, and yet something to do");
    if (plan->done && available_of(&world->in) != world->in.replicas)
        broken(world, "done, and not all are available");
    if (plan->next_look <= world->in.now)
        broken(world, "the next look is in the past");
}

static void carry_out(struct world *world, const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_action *action = &plan->actions[i];
        struct creature *one = &world->creatures[action->instance];
        if (action->kind == PLAN_STOP) {
            one->seen.state = PLAN_STOPPING;
            one->gone_at = world->in.now + delay(world, 30);
        } else if (action->kind == PLAN_RESTART) {
            run(world, one);
        } else if (world->count < WORLD_MAX) {
            one = &world->creatures[world->count++];
            *one = (struct creature){.template = world->template, .seen.created_at = world->in.now};
            run(world, one);
            world->in.progress_at = world->in.now;
        }
    }
}

static bool turn(struct world *world)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct plan plan;
    observe(world);
    plan_decide(&world->in, arena, &plan);
    check_budgets(world, &plan);
    check_plan(world, &plan, arena);
    carry_out(world, &plan);
    bool done = plan.done;
    arena_free(arena);
    return done;
}

static void ask(struct world *world)
{
    struct plan_input *in = &world->in;
    size_t what = tape_below(world->tape, 4);
    if (what == 1)
        world->template = (int)tape_below(world->tape, 4);
    else if (what == 2)
        in->replicas = (int)tape_below(world->tape, 8);
    if (what == 3) {
        in->max_surge.value = (int)tape_below(world->tape, 4);
        in->max_unavailable.value = (int)tape_below(world->tape, 4);
        in->max_surge.percent = tape_bool(world->tape);
        in->max_surge.value *= in->max_surge.percent ? 25 : 1;
        in->min_ready_ms = delay(world, 40);
    }
}

static int keeps_the_laws(struct tape *tape)
{
    struct world world = {.tape = tape};
    world.in.replicas = 1 + (int)tape_below(tape, 7);
    world.in.max_surge.value = (int)tape_below(tape, 3);
    world.in.progress_deadline_ms = 1000;
    world.kind = tape_bool(tape);
    for (int i = 0; i < ROUNDS; i++) {
        ask(&world);
        turn(&world);
        pass_time(&world, delay(&world, 40));
    }
    /* From here on the world is kind, also to what it was unkind to: a new template comes. */
    world.kind = true;
    world.template = 99;
    bool done = false;
    for (int i = 0; i < KIND_LIMIT && !done; i++) {
        done = turn(&world);
        pass_time(&world, 1);
    }
    if (!done)
        broken(&world, "a kind world does not converge");
    if (world.broken)
        printf("%s\n", world.broken);
    return world.broken ? -1 : 0;
}

static void test_laws(void **state)
{
    (void)state;
    assert_int_equal(tape_run("local plan", keeps_the_laws, 8000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_laws)};
    return cmocka_run_group_tests_name("local plan", tests, NULL, NULL);
}
