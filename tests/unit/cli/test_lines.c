#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/buf.h>

#include "cli/client/lines.h"

struct seen {
    struct buf text;
    const char *stop_at;
};

static int collect(void *context, const char *line, size_t len, struct err *err)
{
    (void)err;
    struct seen *seen = context;
    assert_int_equal(strlen(line), len);
    buf_addf(&seen->text, "<%s>", line);
    return seen->stop_at && strcmp(line, seen->stop_at) == 0;
}

/* However the stream is cut, the lines are the same. */
static void test_cuts(void **state)
{
    (void)state;
    static const char stream[] = "one\n\ntwo two\nthree\nunfinished";
    for (size_t size = 1; size < sizeof(stream); size++) {
        struct lines lines;
        struct seen seen = {0};
        struct err err = {0};
        lines_init(&lines);
        buf_init(&seen.text, 1000);
        for (size_t at = 0; at < sizeof(stream) - 1; at += size) {
            size_t len = sizeof(stream) - 1 - at < size ? sizeof(stream) - 1 - at : size;
            assert_int_equal(lines_add(&lines, stream + at, len, collect, &seen, &err), 0);
        }
        assert_string_equal(seen.text.data, "<one><two two><three>");
        buf_release(&seen.text);
        lines_release(&lines);
    }
}

static void test_stop(void **state)
{
    (void)state;
    struct lines lines;
    struct seen seen = {.stop_at = "b"};
    struct err err = {0};
    lines_init(&lines);
    buf_init(&seen.text, 1000);
    assert_int_equal(lines_add(&lines, "a\nb\nc\n", 6, collect, &seen, &err), 1);
    assert_string_equal(seen.text.data, "<a><b>");
    buf_release(&seen.text);
    lines_release(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cuts), cmocka_unit_test(test_stop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
