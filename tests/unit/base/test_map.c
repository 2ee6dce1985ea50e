#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/map.h>
#include <mot/base/mem.h>

static int freed;

static void count_and_free(void *value)
{
    freed++;
    free(value);
}

static void finds_what_was_put(void **state)
{
    (void)state;
    struct map *map = map_new(NULL);
    int one = 1, two = 2;
    char key[] = "one";
    assert_null(map_get(map, "one"));
    map_put(map, key, &one);
    key[0] = 'x'; /* keys are copied */
    map_put(map, "two", &two);
    map_put(map, "none", NULL);
    map_put(map, "", &one);
    assert_ptr_equal(map_get(map, "one"), &one);
    assert_ptr_equal(map_get(map, "two"), &two);
    assert_ptr_equal(map_get(map, ""), &one);
    assert_null(map_get(map, "none"));
    assert_true(map_has(map, "none"));
    assert_false(map_has(map, "three"));
    assert_int_equal(map_count(map), 4);
    map_put(map, "one", &two);
    assert_ptr_equal(map_get(map, "one"), &two);
    assert_int_equal(map_count(map), 4);
    map_free(map);
    map_free(NULL);
}

static void frees_values(void **state)
{
    (void)state;
    struct map *map = map_new(count_and_free);
    freed = 0;
    map_put(map, "a", mem_strdup("1"));
    map_put(map, "a", mem_strdup("2"));
    assert_int_equal(freed, 1);
    map_put(map, "a", map_get(map, "a")); /* the same value stays */
    assert_int_equal(freed, 1);
    assert_true(map_remove(map, "a"));
    assert_false(map_remove(map, "a"));
    assert_int_equal(freed, 2);
    map_put(map, "b", mem_strdup("3"));
    char *stolen = map_steal(map, "b");
    assert_string_equal(stolen, "3");
    free(stolen);
    assert_null(map_steal(map, "b"));
    assert_int_equal(freed, 2);
    map_put(map, "c", mem_strdup("4"));
    map_put(map, "d", mem_strdup("5"));
    map_clear(map);
    assert_int_equal(freed, 4);
    assert_int_equal(map_count(map), 0);
    map_put(map, "e", mem_strdup("6"));
    map_free(map);
    assert_int_equal(freed, 5);
}

static void holds_many(void **state)
{
    (void)state;
    struct map *map = map_new(NULL);
    char key[32];
    for (uintptr_t i = 1; i <= 20000; i++) {
        snprintf(key, sizeof(key), "key-%ju", (uintmax_t)i);
        map_put(map, key, (void *)i);
        if (i > 10) {
            snprintf(key, sizeof(key), "key-%ju", (uintmax_t)(i - 10));
            assert_true(map_remove(map, key)); /* at most 10 live: tombstones must go away */
        }
    }
    assert_int_equal(map_count(map), 10);
    assert_ptr_equal(map_get(map, "key-19995"), (void *)19995);
    assert_false(map_has(map, "key-19990"));
    map_free(map);
}

static void iterates_and_removes(void **state)
{
    (void)state;
    struct map *map = map_new(NULL);
    char key[32];
    uintptr_t sum = 0;
    for (uintptr_t i = 1; i <= 100; i++) {
        snprintf(key, sizeof(key), "%ju", (uintmax_t)i);
        map_put(map, key, (void *)i);
    }
    for (struct map_iter it = {0}; map_next(map, &it);) {
        sum += (uintptr_t)it.value;
        assert_int_equal(strtoul(it.key, NULL, 10), (uintptr_t)it.value);
        if ((uintptr_t)it.value % 2)
            assert_true(map_remove(map, it.key));
    }
    assert_int_equal(sum, 5050);
    assert_int_equal(map_count(map), 50);
    sum = 0;
    for (struct map_iter it = {0}; map_next(map, &it);)
        sum += (uintptr_t)map_steal(map, it.key);
    assert_int_equal(sum, 2550);
    struct map_iter it = {0};
    assert_false(map_next(map, &it));
    map_free(map);
}

static void sorts_keys(void **state)
{
    (void)state;
    static const char *const sorted[] = {"", "A", "a", "a-b", "a/b", "b", "\xC3\xA4"};
    struct map *map = map_new(NULL);
    const char **keys = map_sorted_keys(map);
    free(keys);
    for (size_t i = MOT_ARRAY_SIZE(sorted); i-- > 0;)
        map_put(map, sorted[i], NULL);
    keys = map_sorted_keys(map);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(sorted); i++)
        assert_string_equal(keys[i], sorted[i]);
    free(keys);
    map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put), cmocka_unit_test(frees_values),
        cmocka_unit_test(holds_many),         cmocka_unit_test(iterates_and_removes),
        cmocka_unit_test(sorts_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
