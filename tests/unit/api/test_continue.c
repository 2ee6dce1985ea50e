#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <mot/base/mem.h>

#include "api/continue.h"

static void round_trip(int64_t revision, const char *ns, const char *name)
{
    struct continuation in = {revision, mem_strdup(ns), mem_strdup(name)};
    struct continuation out;
    struct err err = {0};
    AUTO_FREE char *token = continue_encode(&in);
    assert_null(strpbrk(token, "+/="));
    assert_int_equal(continue_decode(token, &out, &err), 0);
    assert_int_equal(out.revision, revision);
    assert_string_equal(out.ns, ns);
    assert_string_equal(out.name, name);
    continue_release(&in);
    continue_release(&out);
}

static void test_round_trip(void **state)
{
    (void)state;
    round_trip(0, "", "a");
    round_trip(1, "default", "web");
    round_trip(INT64_MAX, "n", "bb");
    round_trip(42, "a-b", "x.y.z-longer-name");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "x",
        "abc!",
        "AAAA",
        "MSA",
        "MSAxIGE",      /* "1 ", "1 1 a" */
        "MSB4IGEvYg",   /* "1 x a/b" */
        "MiAxIGEvYg",   /* "2 1 a/b" */
        "MSAtMSBhL2I",  /* "1 -1 a/b" */
        "MSAxIGEvYi9j", /* "1 1 a/b/c" */
        "MSAxIGEv",     /* "1 1 a/" */
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
