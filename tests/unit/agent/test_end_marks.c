/* When a topic counts as read to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/agent/restore.h>
#include <mot/base/mem.h>

static struct end_marks marks_of(int64_t first, int64_t second)
{
    struct end_marks marks = {.count = 2, .remaining = (first > 0) + (second > 0)};
    marks.ends = mem_array(2, sizeof(int64_t));
    marks.ends[0] = first;
    marks.ends[1] = second;
    return marks;
}

static void note(struct end_marks *marks, int32_t partition, int64_t offset, bool end)
{
    struct bus_record record = {.partition = partition, .offset = offset, .end = end};
    end_marks_note(marks, &record);
}

static void test_last_records(void **state)
{
    (void)state;
    struct end_marks marks = marks_of(3, 7);
    note(&marks, 0, 1, false);
    note(&marks, 1, 5, false);
    note(&marks, 5, 9, false);
    note(&marks, -1, 9, false);
    assert_int_equal(marks.remaining, 2);
    note(&marks, 0, 2, false);
    note(&marks, 0, 3, false);
    assert_int_equal(marks.remaining, 1);
    note(&marks, 1, 9, false); /* the last ones were compacted away, and more came */
    assert_true(end_marks_reached(&marks));
    end_marks_release(&marks);
}

static void test_ends(void **state)
{
    (void)state;
    struct end_marks marks = marks_of(0, 100);
    note(&marks, 0, 0, true);
    assert_false(end_marks_reached(&marks));
    note(&marks, 1, 4, true); /* there is no more, whatever was said before */
    note(&marks, 1, 4, true);
    assert_true(end_marks_reached(&marks));
    end_marks_release(&marks);
    assert_true(end_marks_reached(&marks));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_records),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
