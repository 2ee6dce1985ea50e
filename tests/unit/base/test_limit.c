#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/base/limit.h>
#include <mot/base/mem.h>

/* Three at once, then one every 100 ms. */
static void test_pass(void **state)
{
    (void)state;
    static const struct {
        int64_t now_ms;
        bool pass;
        uint64_t held_back;
    } rows[] = {
        {1000, true, 0},
        {1000, true, 0},
        {1000, true, 0},
        {1000, false, 0},
        {1099, false, 0},
        {1100, true, 2},
        {1100, false, 0},
        {1050, false, 0}, /* time stands still */
        {1200, true, 2},
        {1399, true, 0},
        {1400, true, 0},
        {1401, false, 0},
        /* what is saved up has an end */
        {900000, true, 1},
        {900000, true, 0},
        {900000, true, 0},
        {900000, false, 0},
    };
    struct rate_limit limit;
    rate_limit_init(&limit, 3, 100);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(rows); i++) {
        uint64_t held_back = 99;
        print_message("row %zu\n", i);
        assert_int_equal(rate_limit_pass(&limit, rows[i].now_ms, &held_back), rows[i].pass);
        assert_int_equal(held_back, rows[i].held_back);
    }
    assert_int_equal(rate_limit_held(&limit), 6);
    rate_limit_destroy(&limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pass)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
