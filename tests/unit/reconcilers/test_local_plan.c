/* The local scheduler's plan by examples. A world is a text, an instance a word of it; so is the
 * plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/arena.h>
#include <mot/base/mem.h>

#include "drivers/local/plan.h"

#define NOW 10000

/*
 * An instance: O old or N new template; then + ready, - up and not ready, ! down and due, . down
 * and due later, x down for good, ~ being stopped. Of equals the first one is the oldest. A plan:
 * start, stop:I, restart:I in order, then "done" if it is.
 */
struct example {
    const char *name;
    int replicas, unavailable, surge;
    const char *world;
    const char *plan;
};

static const struct example examples[] = {
    {"nothing is there", 2, 0, 1, "", "start start"},
    {"all is well", 2, 0, 1, "N+ N+", "done"},
    {"starting takes its time", 2, 0, 1, "N- N+", ""},
    {"what ended is restarted", 2, 0, 1, "N! N+", "restart:0"},
    {"not before its time", 2, 0, 1, "N. N+", ""},
    {"nor when that is hopeless", 2, 0, 1, "Nx N+", ""},
    {"scaling up", 3, 0, 1, "N+", "start start"},
    {"scaling down stops the newest", 1, 0, 1, "N+ N+ N+", "stop:2 stop:1"},
    {"or what is no loss", 2, 0, 1, "N+ N- N+", "stop:1"},
    {"or what is down", 1, 0, 1, "N+ N. N-", "stop:1 stop:2"},
    {"to nothing", 0, 0, 1, "N+ O- N. O~", "stop:0 stop:1 stop:2"},
    {"nothing was asked for", 0, 0, 1, "", "done"},
    {"a new template: one more", 2, 0, 1, "O+ O+", "start"},
    {"then it waits for it", 2, 0, 1, "O+ O+ N-", ""},
    {"then an old one goes", 2, 0, 1, "O+ O+ N+", "stop:0"},
    {"and has gone before the next comes", 2, 0, 1, "O~ O+ N+", ""},
    {"the next one", 2, 0, 1, "O+ N+", "start"},
    {"without surge: one goes first", 3, 1, 0, "O+ O+ O+", "stop:0"},
    {"and the new one comes", 3, 1, 0, "O+ O+", "start"},
    {"and is waited for", 3, 1, 0, "O+ O+ N-", ""},
    {"neither: as if one might be missing", 2, 0, 0, "O+ O+", "stop:0"},
    {"both", 4, 1, 1, "O+ O+ O+ O+", "stop:0 start"},
    {"what failed is replaced first", 3, 0, 1, "O+ O. O+", "stop:1 start"},
    {"even all of it", 2, 0, 1, "O! O.", "stop:0 stop:1 start"},
    {"old and not ready: when enough stand", 2, 1, 1, "O- O+", "stop:0 start"},
    {"not otherwise", 2, 0, 1, "O- O+", "start"},
    {"a new one that fails does not cost an old one", 2, 0, 1, "O+ O+ N!", "restart:2"},
    {"nor does the third template wait for the second", 2, 0, 1, "O+ O+ O.", "stop:2"},
    {"down and up at once", 1, 0, 1, "O+ O+ O+", "stop:0 stop:1"},
};

static struct plan_instance parse(const char *word, int64_t order)
{
    struct plan_instance one = {
        .updated = word[0] == 'N', .created_at = order, .retry_at = PLAN_NEVER};
    one.state = strchr("!.x", word[1]) ? PLAN_DOWN : word[1] == '~' ? PLAN_STOPPING : PLAN_UP;
    one.ready = word[1] == '+';
    one.ready_since = one.ready ? NOW - 1000 : 0;
    if (word[1] == '!')
        one.retry_at = NOW;
    if (word[1] == '.')
        one.retry_at = NOW + 500;
    return one;
}

static size_t parse_world(const char *world, struct plan_instance *items)
{
    size_t count = 0;
    for (const char *at = world; *at; at += at[2] ? 3 : 2) {
        items[count] = parse(at, (int64_t)count);
        count++;
    }
    return count;
}

static void print_plan(const struct plan *plan, char *text, size_t size)
{
    static const char *const names[] = {"start", "stop", "restart"};
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_action *action = &plan->actions[i];
        const char *space = i > 0 ? " " : "";
        if (action->kind == PLAN_START)
            used += (size_t)snprintf(text + used, size - used, "%sstart", space);
        else
            used += (size_t)snprintf(text + used, size - used, "%s%s:%zu", space,
                                     names[action->kind], action->instance);
    }
    if (plan->done)
        snprintf(text + used, size - used, "done");
}

static void test_examples(void **state)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(examples); i++) {
        const struct example *example = &examples[i];
        struct plan_instance items[16];
        struct plan plan;
        char text[256];
        struct plan_input in = {.now = NOW,
                                .replicas = example->replicas,
                                .max_unavailable = {example->unavailable, false},
                                .max_surge = {example->surge, false},
                                .progress_deadline_ms = 600000,
                                .progress_at = NOW,
                                .instances = items,
                                .count = parse_world(example->world, items)};
        plan_decide(&in, arena, &plan);
        print_plan(&plan, text, sizeof(text));
        if (strcmp(text, example->plan) != 0)
            fail_msg("%s: %s", example->name, text);
    }
    arena_free(arena);
}

static void test_times(void **state)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct plan_instance items[2] = {parse("N+", 0), parse("N.", 1)};
    struct plan plan;
    struct plan_input in = {.now = NOW,
                            .replicas = 2,
                            .max_surge = {1, false},
                            .min_ready_ms = 1200,
                            .progress_deadline_ms = 100,
                            .progress_at = NOW - 50,
                            .instances = items,
                            .count = 2};
    (void)state;
    plan_decide(&in, arena, &plan);
    assert_false(plan.stalled);
    assert_int_equal(plan.next_look, NOW + 51); /* the deadline */
    in.progress_at = NOW - 101;
    plan_decide(&in, arena, &plan);
    assert_true(plan.stalled);
    assert_int_equal(plan.next_look, NOW + 200); /* it becomes available */
    in.min_ready_ms = 0;
    plan_decide(&in, arena, &plan);
    assert_int_equal(plan.next_look, NOW + 500); /* the restart */
    items[1] = parse("N+", 1);
    plan_decide(&in, arena, &plan);
    assert_true(plan.done);
    assert_int_equal(plan.next_look, PLAN_NEVER);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples),
                                       cmocka_unit_test(test_times)};
    return cmocka_run_group_tests_name("local plan", tests, NULL, NULL);
}
