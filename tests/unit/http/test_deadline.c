#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <api/http/deadline.h>

static void rings_in_order(void **state)
{
    (void)state;
    struct deadlines all = {.duration_ms = {[DEADLINE_IDLE] = 100, [DEADLINE_BODY] = 30}};
    struct deadline a = {0}, b = {0}, c = {0};
    enum deadline_sort sort = DEADLINE_NONE;
    assert_int_equal(deadline_next(&all), -1);
    deadline_set(&all, &a, DEADLINE_IDLE, 0);
    deadline_set(&all, &b, DEADLINE_IDLE, 10);
    deadline_set(&all, &c, DEADLINE_BODY, 20);
    assert_int_equal(deadline_next(&all), 50);
    assert_null(deadline_due(&all, 49, &sort));
    assert_ptr_equal(deadline_due(&all, 50, &sort), &c);
    assert_int_equal(sort, DEADLINE_BODY);
    deadline_set(&all, &a, DEADLINE_IDLE, 60); /* later now than b */
    assert_int_equal(deadline_next(&all), 110);
    assert_ptr_equal(deadline_due(&all, 1000, &sort), &b);
    deadline_set(&all, &a, DEADLINE_NONE, 0);
    assert_null(deadline_due(&all, 1000, &sort));
    deadline_set(&all, &a, DEADLINE_NONE, 0);
    assert_int_equal(deadline_next(&all), -1);
}

static void forgets_from_the_middle(void **state)
{
    (void)state;
    struct deadlines all = {.duration_ms = {[DEADLINE_PING] = 1}};
    struct deadline d[3] = {{0}};
    enum deadline_sort sort = DEADLINE_NONE;
    for (int i = 0; i < 3; i++)
        deadline_set(&all, &d[i], DEADLINE_PING, i);
    deadline_set(&all, &d[1], DEADLINE_NONE, 0);
    assert_ptr_equal(deadline_due(&all, 9, &sort), &d[0]);
    assert_ptr_equal(deadline_due(&all, 9, &sort), &d[2]);
    assert_null(deadline_due(&all, 9, &sort));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rings_in_order),
                                       cmocka_unit_test(forgets_from_the_middle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
