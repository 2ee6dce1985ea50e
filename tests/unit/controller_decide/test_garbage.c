/* Garbage collection by table: the cases of Kubernetes' attemptToDeleteItem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <controller/decide/garbage.h>
#include <mot/base/mem.h>

struct garbage_case {
    const char *why;
    enum owner_state owners[3]; /* ends with 0 */
    struct garbage_input in;
    struct garbage_plan plan;
};

#define DROP(states_)                                                                              \
    {                                                                                              \
        GARBAGE_RELEASE, (states_), false                                                          \
    }
#define DO(verb_)                                                                                  \
    {                                                                                              \
        GARBAGE_##verb_, 0, false                                                                  \
    }

static const struct garbage_case cases[] = {
    {"nobody's", {0}, {0}, DO(KEEP)},
    {"its owner is there", {OWNER_THERE}, {0}, DO(KEEP)},
    {"its owners are there", {OWNER_THERE, OWNER_THERE}, {0}, DO(KEEP)},
    {"its owner is gone", {OWNER_GONE}, {0}, DO(DELETE)},
    {"all its owners are gone", {OWNER_GONE, OWNER_GONE}, {0}, DO(DELETE)},
    {"an owner is left", {OWNER_GONE, OWNER_THERE}, {0}, DROP(OWNER_GONE | OWNER_WAITS)},
    {"an owner is left, another waits",
     {OWNER_WAITS, OWNER_THERE},
     {0},
     DROP(OWNER_GONE | OWNER_WAITS)},
    {"gone with dependents of its own", {OWNER_GONE}, {.dependents = 3}, DO(DELETE)},
    {"its owner waits for it", {OWNER_WAITS}, {0}, DO(DELETE)},
    {"one owner waits, one is gone", {OWNER_GONE, OWNER_WAITS}, {0}, DO(DELETE)},
    {"its owner waits for it and what is below it",
     {OWNER_WAITS},
     {.dependents = 1},
     DO(DELETE_FOREGROUND)},
    {"a circle",
     {OWNER_WAITS},
     {.dependents = 1, .blocking = 1, .circle = true},
     {GARBAGE_DELETE_FOREGROUND, 0, true}},
    {"it is to stay without its owner", {OWNER_ORPHANS}, {0}, DROP(OWNER_ORPHANS)},
    {"it is let go by one, another is there",
     {OWNER_ORPHANS, OWNER_THERE},
     {0},
     DROP(OWNER_ORPHANS)},
    {"it is let go first, then gone", {OWNER_ORPHANS, OWNER_GONE}, {0}, DROP(OWNER_ORPHANS)},
    {"it is let go while it is being deleted",
     {OWNER_ORPHANS},
     {.deleting = true},
     DROP(OWNER_ORPHANS)},
    {"it is being deleted by others", {OWNER_GONE}, {.deleting = true}, DO(KEEP)},
    {"foreground, nothing below it",
     {0},
     {.deleting = true, .foreground = true},
     DO(FINISH_FOREGROUND)},
    {"foreground, something that does not block",
     {0},
     {.deleting = true, .foreground = true, .dependents = 1},
     DO(FINISH_FOREGROUND)},
    {"foreground, and blocked",
     {0},
     {.deleting = true, .foreground = true, .dependents = 2, .blocking = 1},
     DO(WAIT)},
    {"foreground, and blocked by itself in the end",
     {OWNER_WAITS},
     {.deleting = true, .foreground = true, .dependents = 2, .blocking = 1, .circle = true},
     DO(UNBLOCK)},
    {"foreground with an owner that is gone",
     {OWNER_GONE},
     {.deleting = true, .foreground = true, .dependents = 1, .blocking = 1},
     DO(WAIT)},
    {"it lets others go", {0}, {.deleting = true, .orphan = true, .dependents = 1}, DO(WAIT)},
    {"it has let them go", {0}, {.deleting = true, .orphan = true}, DO(FINISH_ORPHAN)},
    {"the finalizers mean nothing before it is deleted",
     {OWNER_THERE},
     {.foreground = true, .orphan = true},
     DO(KEEP)},
};

static void decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct garbage_input in = cases[i].in;
        in.owners = cases[i].owners;
        while (in.owner_count < 3 && cases[i].owners[in.owner_count])
            in.owner_count++;
        struct garbage_plan plan = garbage_decide(&in);
        if (plan.verb != cases[i].plan.verb || plan.drop != cases[i].plan.drop ||
            plan.unblock != cases[i].plan.unblock)
            fail_msg("%s: verb %d drop %x unblock %d", cases[i].why, (int)plan.verb, plan.drop,
                     plan.unblock);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decides)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
