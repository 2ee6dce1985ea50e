#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <mot/base/mem.h>

#include "api/continue.h"

static void round_trip(int64_t revision, int64_t remaining, const char *ns, const char *name)
{
    struct continuation in = {revision, remaining, mem_strdup(ns), mem_strdup(name)};
    struct continuation out;
    struct err err = {0};
    AUTO_FREE char *token = continue_encode(&in);
    assert_null(strpbrk(token, "+/="));
    assert_int_equal(continue_decode(token, &out, &err), 0);
    assert_int_equal(out.revision, revision);
    assert_int_equal(out.remaining, remaining);
    assert_string_equal(out.ns, ns);
    assert_string_equal(out.name, name);
    continue_release(&in);
    continue_release(&out);
}

static void test_round_trip(void **state)
{
    (void)state;
    round_trip(0, -1, "", "a");
    round_trip(1, 0, "default", "web");
    round_trip(INT64_MAX, INT64_MAX, "n", "bb");
    round_trip(42, 7, "a-b", "x.y.z-longer-name");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "x",
        "abc!",
        "AAAA",
        "MSA",             /* "1 " */
        "MSAxIGE",         /* "1 1 a" */
        "MSB4IDAgYS9i",    /* "1 x 0 a/b" */
        "MiAxIDAgYS9i",    /* "2 1 0 a/b" */
        "MSAtMSAwIGEvYg",  /* "1 -1 0 a/b" */
        "MSAxIC0yIGEvYg",  /* "1 1 -2 a/b" */
        "MSAxIGEvYg",      /* "1 1 a/b" */
        "MSAxICAyIGEvYg",  /* "1 1  2 a/b" */
        "MSAxIDIgYS9iL2M", /* "1 1 2 a/b/c" */
        "MSAxIDIgYS8",     /* "1 1 2 a/" */
        "MSA1IDMgYf8vYsM", /* "1 5 3 a\xff/b\xc3": not UTF-8 */
    };
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct continuation out;
        struct err err = {0};
        print_message("%s\n", tokens[i]);
        assert_int_equal(continue_decode(tokens[i], &out, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        continue_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
