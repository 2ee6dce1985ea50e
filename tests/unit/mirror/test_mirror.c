/* Where a mirror goes on: the pure part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <mirror/mirror.h>
#include <mot/base/mem.h>

static void test_origins_are_read_as_written(void **state)
{
    (void)state;
    char text[ORIGIN_TEXT_SIZE];
    struct origin origin = origin_parse(origin_format("Uw3k-_:x", 1234567890123, text));
    assert_string_equal(text, "Uw3k-_:x:1234567890123");
    assert_string_equal(origin.cluster, "Uw3k-_:x");
    assert_int_equal(origin.offset, 1234567890123);
}

static void test_nonsense_is_no_origin(void **state)
{
    (void)state;
    static const char *const cases[] = {NULL, "", ":", "a", "a:", ":5", "a:x", "a:5x", "a:-1"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++)
        assert_int_equal(origin_parse(cases[i]).offset, -1);
    char text[BUS_CLUSTER_ID_SIZE + 8];
    memset(text, 'a', sizeof(text));
    memcpy(text + BUS_CLUSTER_ID_SIZE, ":5", 3);
    assert_int_equal(origin_parse(text).offset, -1);
}

static void test_where_to_go_on(void **state)
{
    (void)state;
    static const struct {
        const char *last;
        int64_t high;
        int64_t expected;
    } cases[] = {
        {"here:9", 20, 10},
        {"here:19", 20, 20},                   /* nothing new */
        {"here:20", 20, BUS_OFFSET_BEGINNING}, /* more was copied than there is: made again */
        {"here:9", 0, BUS_OFFSET_BEGINNING},
        {"other:9", 20, BUS_OFFSET_BEGINNING}, /* of a cluster that was wiped */
        {NULL, 20, BUS_OFFSET_BEGINNING},      /* an empty destination */
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(cases); i++) {
        struct origin last = origin_parse(cases[i].last);
        assert_int_equal(origin_resume(&last, "here", cases[i].high), cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins_are_read_as_written),
        cmocka_unit_test(test_nonsense_is_no_origin),
        cmocka_unit_test(test_where_to_go_on),
    };
    return cmocka_run_group_tests_name("mirror", tests, NULL, NULL);
}
