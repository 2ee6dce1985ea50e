#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/base/utf8.h>

static void test_valid(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "a\x7f",
        "\xc3\xa4",
        "\xe2\x82\xac",
        "\xf0\x9f\x9a\x80",
        "\xf4\x8f\xbf\xbf",
        "a\xed\x9f\xbf",
    };
    static const char *const bad[] = {
        "\xff",
        "a\xc3",
        "\x80",
        "\xc0\xaf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xe2\x82",
        "\xe2\x82z",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(utf8_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (utf8_valid(bad[i]))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_valid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
