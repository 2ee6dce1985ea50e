#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/arena.h>
#include <mot/base/mem.h>

#include "drivers/local/expand.h"

static void test_expand(void **state)
{
    /* Those of k8s.io/kubernetes/third_party/forked/golang/expansion. */
    static const char *const cases[][2] = {
        {"$(VAR_A)", "A"},
        {"___$(VAR_B)___", "___B___"},
        {"$(VAR_A)-$(VAR_C)", "A-C"},
        {"$(VAR_EMPTY)foo", "foo"},
        {"$(VAR_DNE)", "$(VAR_DNE)"},
        {"$$(VAR_A)", "$(VAR_A)"},
        {"$$$(VAR_A)", "$A"},
        {"$$$$(VAR_A)", "$$(VAR_A)"},
        {"$VAR_A", "$VAR_A"},
        {"$(VAR_A", "$(VAR_A"},
        {"foo$", "foo$"},
        {"$", "$"},
        {"$$", "$"},
        {"$()", "$()"},
        {"", ""},
        {"plain", "plain"},
    };
    struct environment environment;
    struct arena *arena = arena_new((size_t)1 << 20);
    (void)state;
    environment_init(&environment, arena);
    environment_set(&environment, "VAR_A", "old");
    environment_set(&environment, "VAR_A", "A");
    environment_set(&environment, "VAR_B", "B");
    environment_set(&environment, "VAR_C", "C");
    environment_set(&environment, "VAR_EMPTY", "");
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        assert_string_equal(expand(&environment, cases[i][0]), cases[i][1]);
    assert_int_equal(environment.count, 4);
    assert_null(environment_get(&environment, "VAR"));
    arena_free(arena);
}

static void test_many(void **state)
{
    struct environment environment;
    struct arena *arena = arena_new((size_t)1 << 20);
    (void)state;
    environment_init(&environment, arena);
    for (int i = 0; i < 500; i++)
        environment_set(&environment, arena_printf(arena, "V%d", i), "x");
    assert_int_equal(environment.count, 500);
    assert_null(environment.items[500]);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_expand), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests_name("expand", tests, NULL, NULL);
}
