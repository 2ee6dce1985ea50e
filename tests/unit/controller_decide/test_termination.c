/* The conditions of a namespace that is being deleted, as a kube-controller-manager words them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <controller/decide/termination.h>
#include <mot/base/mem.h>

struct termination_case {
    struct termination_input in;
    bool done;
    int failing; /* the condition that is looked at; -1: all are well */
    const char *reason, *message;
};

static const struct termination_count one[] = {{"deployments.mot.dev", 1}};
static const struct termination_count two[] = {{"deployments.mot.dev", 1}, {"events", 20}};
static const struct termination_count finalizers[] = {{"a.b/c", 2}, {"mot.dev/regions", 1}};

static const struct termination_case cases[] = {
    {{.failure = ""}, true, -1, "", ""},
    {{.failure = "", .resources = one, .resource_count = 1},
     false,
     TERMINATION_CONTENT,
     "SomeResourcesRemain",
     "Some resources are remaining: deployments.mot.dev has 1 resource instances"},
    {{.failure = "", .resources = two, .resource_count = 2},
     false,
     TERMINATION_CONTENT,
     "SomeResourcesRemain",
     "Some resources are remaining: deployments.mot.dev has 1 resource instances, events. has 20 "
     "resource instances"},
    {{.failure = "",
      .resources = one,
      .resource_count = 1,
      .finalizers = finalizers,
      .finalizer_count = 2},
     false,
     TERMINATION_FINALIZERS,
     "SomeFinalizersRemain",
     "Some content in the namespace has finalizers remaining: a.b/c in 2 resource instances, "
     "mot.dev/regions in 1 resource instances"},
    {{.failure = "the database is away"},
     false,
     TERMINATION_DELETION,
     "ContentDeletionFailed",
     "Failed to delete all resource types, 1 remaining: the database is away"},
    {{.failure = "", .unknown = 3},
     false,
     TERMINATION_DISCOVERY,
     "DiscoveryFailed",
     "Discovery failed for some groups: 3 objects are of kinds that the controller does not know"},
};

static void decides(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 16);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct termination_output out;
        termination_decide(arena, &cases[i].in, &out);
        assert_int_equal(out.done, cases[i].done);
        for (int c = 0; c < TERMINATION_CONDITIONS; c++) {
            bool looked_at = c == cases[i].failing;
            assert_true(out.conditions[c].status == looked_at ||
                        (c == TERMINATION_CONTENT && cases[i].in.resource_count));
            if (!looked_at)
                continue;
            assert_string_equal(out.conditions[c].reason, cases[i].reason);
            assert_string_equal(out.conditions[c].message, cases[i].message);
        }
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decides)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
