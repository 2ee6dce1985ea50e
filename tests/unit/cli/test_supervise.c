/* What `mot up` does next: by tables, and by a simulated run whose parts die at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>

#include "cli/up/supervise.h"

/* 0: a database; 1: a broker; 2: needs both. */
static const size_t both[] = {0, 1};
static const struct part_rule rules[] = {{.grace_ms = 1000}, {.grace_ms = 1000}, {both, 2, 1000}};

#define WAITING                                                                                    \
    {                                                                                              \
        .phase = PART_WAITING                                                                      \
    }
#define STARTING                                                                                   \
    {                                                                                              \
        .phase = PART_STARTING                                                                     \
    }
#define READY                                                                                      \
    {                                                                                              \
        .phase = PART_READY, .was_ready = true                                                     \
    }
#define AWAY                                                                                       \
    {                                                                                              \
        .phase = PART_WAITING, .was_ready = true, .not_before_ms = 700                             \
    }
#define STOPPING                                                                                   \
    {                                                                                              \
        .phase = PART_STOPPING, .since_ms = 100                                                    \
    }
#define KILLED                                                                                     \
    {                                                                                              \
        .phase = PART_KILLED, .was_ready = true                                                    \
    }
#define ENDED                                                                                      \
    {                                                                                              \
        .phase = PART_ENDED, .was_ready = true                                                     \
    }

#define N SUPERVISE_NONE
#define S SUPERVISE_START
#define T SUPERVISE_TERM
#define K SUPERVISE_KILL

static const struct {
    const char *name;
    struct part_state states[3];
    int64_t now_ms;
    bool stopping;
    enum supervise_action actions[3];
    int64_t wake_at_ms;
    bool all_ready;
    bool all_ended;
} cases[] = {
    {"at first: what needs nothing, side by side",
     {WAITING, WAITING, WAITING},
     0,
     false,
     {S, S, N},
     -1,
     false,
     true},
    {"one of two needs is there",
     {READY, STARTING, WAITING},
     0,
     false,
     {N, N, N},
     -1,
     false,
     false},
    {"both are", {READY, READY, WAITING}, 0, false, {N, N, S}, -1, false, false},
    {"all answer", {READY, READY, READY}, 0, false, {N, N, N}, -1, true, false},
    {"one died: not before its time",
     {AWAY, READY, READY},
     500,
     false,
     {N, N, N},
     700,
     false,
     false},
    {"one died: now", {AWAY, READY, READY}, 700, false, {S, N, N}, -1, false, false},
    {"who needs it is started meanwhile: it was there once",
     {AWAY, READY, WAITING},
     500,
     false,
     {N, N, S},
     700,
     false,
     false},
    {"stopping: who is needed by none first",
     {READY, READY, READY},
     0,
     true,
     {N, N, T},
     -1,
     true,
     false},
    {"stopping: the needed wait",
     {READY, READY, STOPPING},
     500,
     true,
     {N, N, N},
     1100,
     false,
     false},
    {"stopping: patience ends", {READY, READY, STOPPING}, 1100, true, {N, N, K}, -1, false, false},
    {"stopping: a killed one is waited for",
     {READY, READY, KILLED},
     9000,
     true,
     {N, N, N},
     -1,
     false,
     false},
    {"stopping: then the needed", {READY, READY, ENDED}, 0, true, {T, T, N}, -1, false, false},
    {"stopping: nothing is started again",
     {AWAY, WAITING, ENDED},
     9000,
     true,
     {N, N, N},
     -1,
     false,
     true},
    {"stopping: while it starts", {STARTING, ENDED, ENDED}, 0, true, {T, N, N}, -1, false, false},
    {"all ended", {ENDED, ENDED, ENDED}, 0, true, {N, N, N}, -1, false, true},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        enum supervise_action actions[3];
        struct supervise_input in = {.rules = rules,
                                     .states = cases[i].states,
                                     .count = 3,
                                     .now_ms = cases[i].now_ms,
                                     .stopping = cases[i].stopping};
        struct supervise_plan out = {.actions = actions};
        supervise_decide(&in, &out);
        if (memcmp(actions, cases[i].actions, sizeof(actions)) != 0)
            fail_msg("%s: actions %d %d %d", cases[i].name, (int)actions[0], (int)actions[1],
                     (int)actions[2]);
        if (out.wake_at_ms != cases[i].wake_at_ms)
            fail_msg("%s: wakes at %lld", cases[i].name, (long long)out.wake_at_ms);
        if (out.all_ready != cases[i].all_ready || out.all_ended != cases[i].all_ended)
            fail_msg("%s: ready %d, ended %d", cases[i].name, out.all_ready, out.all_ended);
    }
}

static void test_backoff(void **state)
{
    (void)state;
    assert_int_equal(supervise_backoff_ms(1), 100);
    assert_int_equal(supervise_backoff_ms(2), 200);
    assert_int_equal(supervise_backoff_ms(5), 1600);
    assert_int_equal(supervise_backoff_ms(50), 10000);
}

static void test_life(void **state)
{
    (void)state;
    struct part_state part = {0};
    supervise_started(&part, 10);
    supervise_answered(&part, 20);
    assert_int_equal(part.phase, PART_READY);
    supervise_died(&part, false, 30);
    assert_int_equal(part.phase, PART_WAITING);
    assert_int_equal(part.not_before_ms, 130);
    supervise_started(&part, 130);
    supervise_died(&part, false, 140);
    assert_int_equal(part.not_before_ms, 340);
    supervise_started(&part, 340);
    supervise_answered(&part, 400);
    supervise_died(&part, false, 400 + 60000); /* stable for a minute: forgiven */
    assert_int_equal(part.failures, 1);
    supervise_answered(&part, 70000); /* a late answer of the dead one */
    assert_int_equal(part.phase, PART_WAITING);
    supervise_started(&part, 70000);
    supervise_asked_to_end(&part, false, 70001);
    supervise_died(&part, true, 70002);
    assert_int_equal(part.phase, PART_ENDED);
}

/* Parts start, answer and die at random; then a stop. Whatever happens, no part is stopped before
 * those that need it have ended, and all end. */
static void simulate(unsigned seed)
{
    srand(seed);
    struct part_state states[3] = {WAITING, WAITING, WAITING};
    enum supervise_action actions[3];
    struct supervise_plan out = {.actions = actions};
    for (int64_t now = 0; now < 40000; now += 10) {
        bool stopping = now > 20000;
        struct supervise_input in = {rules, states, 3, now, stopping};
        supervise_decide(&in, &out);
        if (stopping && out.all_ended)
            return;
        for (size_t i = 0; i < 3; i++) {
            bool runs = states[i].phase != PART_WAITING && states[i].phase != PART_ENDED;
            if (actions[i] == SUPERVISE_START) {
                assert_false(runs || stopping);
                supervise_started(&states[i], now);
            } else if (actions[i] == SUPERVISE_TERM || actions[i] == SUPERVISE_KILL) {
                assert_true(runs && stopping);
                assert_true(i == 2 || states[2].phase == PART_WAITING ||
                            states[2].phase == PART_ENDED);
                supervise_asked_to_end(&states[i], actions[i] == SUPERVISE_KILL, now);
            } else if (states[i].phase == PART_STARTING && rand() % 8 == 0) {
                supervise_answered(&states[i], now);
            } else if (runs && rand() % 50 == 0) {
                supervise_died(&states[i], stopping, now);
            }
        }
    }
    fail_msg("seed %u: it never ended", seed);
}

static void test_simulation(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++)
        simulate(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_backoff),
                                       cmocka_unit_test(test_life),
                                       cmocka_unit_test(test_simulation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
