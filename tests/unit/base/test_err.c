#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/err.h>
#include <mot/base/mem.h>

static void sets_code_and_message(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, ERR_NOT_FOUND, "no %s with %d", "region", 3), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.message, "no region with 3");
    assert_int_equal(err_set(NULL, ERR_INTERNAL, "nobody listens"), -1);
}

static void wraps_and_keeps_the_code(void **state)
{
    (void)state;
    struct err err = {0};
    err_set(&err, ERR_CONFLICT, "revision 4 is not 5");
    assert_int_equal(err_wrap(&err, "instance %s", "web-1"), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_string_equal(err.message, "instance web-1: revision 4 is not 5");
    assert_int_equal(err_wrap(NULL, "nobody listens"), -1);
}

static void carries_the_floor_of_what_is_gone(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set_gone(&err, 17, "revision %d is too old", 4), -1);
    assert_int_equal(err.code, ERR_GONE);
    assert_int_equal(err.floor, 17);
    assert_string_equal(err.message, "revision 4 is too old");
    err_wrap(&err, "a watch");
    assert_int_equal(err.floor, 17);
    err_set(&err, ERR_INVALID, "something else");
    assert_int_equal(err.floor, 0);
    assert_int_equal(err_set_gone(NULL, 1, "nobody listens"), -1);
}

static void may_name_its_own_message(void **state)
{
    (void)state;
    struct err err = {0};
    err_set(&err, ERR_TRANSIENT, "away");
    err_set(&err, ERR_TIMEOUT, "after retries: %s", err.message);
    assert_string_equal(err.message, "after retries: away");
    err_wrap(&err, "(%s)", err.message);
    assert_string_equal(err.message, "(after retries: away): after retries: away");
}

static void cuts_what_is_too_long(void **state)
{
    (void)state;
    struct err err = {0};
    char lengthy[3000];
    memset(lengthy, 'x', sizeof(lengthy) - 1);
    lengthy[sizeof(lengthy) - 1] = '\0';
    err_set(&err, ERR_INVALID, "%s", lengthy);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    err_wrap(&err, "%s", "front");
    assert_memory_equal(err.message, "front: xxx", 10);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    err_wrap(&err, "%s", lengthy);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
}

static void names_each_code_once(void **state)
{
    (void)state;
    for (int a = ERR_NONE; a <= ERR_INTERNAL; a++) {
        assert_string_not_equal(err_code_name((enum err_code)a), "Unknown");
        for (int b = ERR_NONE; b < a; b++)
            assert_string_not_equal(err_code_name((enum err_code)a),
                                    err_code_name((enum err_code)b));
    }
    assert_string_equal(err_code_name(ERR_TOO_LARGE), "TooLarge");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_code_and_message),
        cmocka_unit_test(wraps_and_keeps_the_code),
        cmocka_unit_test(carries_the_floor_of_what_is_gone),
        cmocka_unit_test(may_name_its_own_message),
        cmocka_unit_test(cuts_what_is_too_long),
        cmocka_unit_test(names_each_code_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
